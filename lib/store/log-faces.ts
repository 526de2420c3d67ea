import type { LogAccess } from './log-access.js';
import type { IndexedLog } from './message-index/message-index.js';
import type { LogReader, PutCallback, StoreMessage } from './types.js';

/** The log for those who read and append, with their way of appending. */
export function withAppend(
  access: LogAccess,
  put: (message: StoreMessage, done: PutCallback) => void,
): LogReader & { put: typeof put } {
  return {
    put,
    get startOffset() {
      return access.startOffset;
    },
    get visibleOffset() {
      return access.visibleOffset;
    },
    segments: () => access.segments(),
    recordAt: (offset) => access.recordAt(offset),
    scan: (from, to, visit) => access.scan(from, to, visit),
    deleteOldestSegment: () => access.deleteOldestSegment(),
    minOffset: (topic, queueId) => access.minOffset(topic, queueId),
    maxOffset: (topic, queueId) => access.maxOffset(topic, queueId),
    physicalOffsetAt: (topic, queueId, offset) => access.physicalOffsetAt(topic, queueId, offset),
    physicalOffsetFrom: (topic, queueId, offset) => access.physicalOffsetFrom(topic, queueId, offset),
  };
}

/** For the index: whole records, and the end of the log on the disk. */
export function indexedLog(access: LogAccess, syncNow: () => Promise<void>): IndexedLog {
  return {
    get startOffset() {
      return access.startOffset;
    },
    get visibleOffset() {
      return access.visibleOffset;
    },
    scan: (from, to, visit) => access.scan(from, to, visit),
    recordBytesAt: (offset) => access.recordBytesAt(offset),
    syncNow,
  };
}
