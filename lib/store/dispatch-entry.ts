import type { DispatchEntry } from './types.js';

/** One for all records of a dispatcher: a hot object that keeps its shape and costs no allocation. */
export function emptyDispatchEntry(): DispatchEntry {
  return {
    topic: '',
    queueId: 0,
    queueOffset: 0,
    physicalOffset: 0,
    size: 0,
    tagsCode: 0,
    storeTimestamp: 0,
    sysFlag: 0,
    properties: '',
  };
}
