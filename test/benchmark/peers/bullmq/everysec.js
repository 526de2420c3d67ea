import { bullmq } from './bullmq.js';

/** As its users run it. */
export const peer = bullmq('BullMQ', 'everysec');
