import { kafka } from './kafka.js';

export const peer = kafka('Apache Kafka, flush.messages=1', true);
