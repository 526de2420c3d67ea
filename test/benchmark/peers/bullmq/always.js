import { bullmq } from './bullmq.js';

export const peer = bullmq('BullMQ, synced', 'always');
