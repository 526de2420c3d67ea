import { kafka } from './kafka.js';

/** As shipped. */
export const peer = kafka('Apache Kafka, acks=all', false);
