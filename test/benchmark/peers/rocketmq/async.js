import { rocketmq } from './rocketmq.js';

/** As shipped. */
export const peer = rocketmq('Apache RocketMQ, ASYNC_FLUSH', 'ASYNC_FLUSH');
