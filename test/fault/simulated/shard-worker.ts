import { parentPort, workerData } from 'node:worker_threads';
import { runShard, type ShardOrder } from './shard.js';
import { liveWithEveryFault, type FaultOrder } from './single-fault.js';

export type WorkerOrder = ({ part: 'crashes' } & ShardOrder) | ({ part: 'faults' } & FaultOrder);

const order = workerData as WorkerOrder;
parentPort?.postMessage(await (order.part === 'faults' ? liveWithEveryFault(order) : runShard(order)), []);
