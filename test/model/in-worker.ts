import { Worker } from 'node:worker_threads';
import type { ShardOrder, ShardReport } from './shard.js';

/** Runs a shard in a thread of its own: broken engines change classes, and every core has something to do. */
export function inWorker(order: ShardOrder): Promise<ShardReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./shard-worker.js', import.meta.url), { workerData: order });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`The worker ended with code ${code} and without a report`)));
  });
}
