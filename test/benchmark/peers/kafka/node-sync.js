import { kafkaNode } from './node.js';

export const peer = kafkaNode('Apache Kafka from Node, flush.messages=1', true);
