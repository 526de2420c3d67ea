import { Worker } from 'node:worker_threads';
import type { WorkerOrder } from './shard-worker.js';

/** Runs a part in a thread of its own: broken stores change classes, and every core has something to do. */
export function inWorker<Report>(order: WorkerOrder): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./shard-worker.js', import.meta.url), {
      workerData: order,
      // Recovered stores live for a few milliseconds: with room they die young, which takes a tenth off the time.
      resourceLimits: { maxYoungGenerationSizeMb: 128 },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`The worker ended with code ${code} and without a report`)));
  });
}
