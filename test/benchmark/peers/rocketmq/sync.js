import { rocketmq } from './rocketmq.js';

export const peer = rocketmq('Apache RocketMQ, SYNC_FLUSH', 'SYNC_FLUSH');
