// What a measured process has asked of the machine: syncs (counted by counted.js), processor time, event loop.
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const KEY = 'benchmark-counts';
export const LOG_SYNCS = 0;
export const OTHER_SYNCS = 1;
/** Of this process and all its worker threads. */
export const syncs = getEnvironmentData(KEY) ?? new Int32Array(new SharedArrayBuffer(8));
if (isMainThread) setEnvironmentData(KEY, syncs);

export function readCounts() {
  const { user, system } = process.cpuUsage();
  const { active, idle } = performance.eventLoopUtilization();
  return {
    at: performance.now(),
    user,
    system,
    active,
    idle,
    rss: process.memoryUsage.rss(),
    logSyncs: Atomics.load(syncs, LOG_SYNCS),
    otherSyncs: Atomics.load(syncs, OTHER_SYNCS),
  };
}

/** What happened between two readings: syncs, processor time (us) and the busy share of the event loop. */
export function between(before, after) {
  const active = after.active - before.active;
  return {
    seconds: (after.at - before.at) / 1000,
    user: after.user - before.user,
    system: after.system - before.system,
    loop: active / (active + after.idle - before.idle),
    rss: after.rss,
    logSyncs: after.logSyncs - before.logSyncs,
    otherSyncs: after.otherSyncs - before.otherSyncs,
  };
}
