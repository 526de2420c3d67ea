import 'reflect-metadata';
import { parentPort, workerData } from 'node:worker_threads';
import { runShard, type ShardOrder } from './shard.js';

parentPort?.postMessage(await runShard(workerData as ShardOrder), []);
