import { kafkaNode } from './node.js';

/** As shipped. */
export const peer = kafkaNode('Apache Kafka from Node, acks=all', false);
