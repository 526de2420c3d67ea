// What the engine asks of the machine, counted at the border: it must be loaded before the engine is.
import { createHook } from 'node:async_hooks';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { GCProfiler, getHeapStatistics } from 'node:v8';

const counted = { syncs: 0, fileWrites: 0, fileBytes: 0, socketWrites: 0, socketBytes: 0 };

/**
 * Zeros that are written ahead in the log, in whichever path comes to their end. Whatever says something has a length or an
 * offset in front.
 */
function isAhead(bytes, from, length) {
  for (let at = from; at < from + Math.min(length, 64); at++) if (bytes[at] !== 0) return false;
  return true;
}

/** Descriptors whose writes are on the disk when they return: each such write is a sync. */
const synced = new Set();
function noteWrite(fd, length) {
  counted.fileWrites += 1;
  counted.fileBytes += length;
  if (synced.has(fd)) counted.syncs += 1;
}

const { open, close, fdatasync, write, writev } = fs;
fs.open = (path, ...rest) => {
  const done = rest.pop();
  open(path, ...rest, (error, fd) => {
    if (!error && typeof rest[0] === 'number' && (rest[0] & fs.constants.O_DSYNC) !== 0) synced.add(fd);
    done(error, fd);
  });
};
fs.close = (fd, ...rest) => {
  synced.delete(fd);
  close(fd, ...rest);
};
fs.fdatasync = (...args) => {
  counted.syncs += 1;
  return fdatasync(...args);
};
fs.write = (fd, bytes, from, length, ...rest) => {
  if (!isAhead(bytes, from, length)) noteWrite(fd, length);
  return write(fd, bytes, from, length, ...rest);
};
fs.writev = (fd, parts, ...rest) => {
  noteWrite(
    fd,
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  return writev(fd, parts, ...rest);
};
syncBuiltinESMExports();

// One call of either is one system call; what was written while corked comes as one `_writev`.
const { _write: writeOne, _writev: writeMany } = net.Socket.prototype;
net.Socket.prototype._write = function countingOne(chunk, ...rest) {
  counted.socketWrites += 1;
  counted.socketBytes += chunk.length;
  return writeOne.call(this, chunk, ...rest);
};
net.Socket.prototype._writev = function countingMany(chunks, ...rest) {
  counted.socketWrites += 1;
  for (const { chunk } of chunks) counted.socketBytes += chunk.length;
  return writeMany.call(this, chunks, ...rest);
};

/** Since the process began; to be subtracted. */
export const machineCalls = () => ({ ...counted });

/** Bytes of the JavaScript heap that are allocated until `stop` is called: what is left plus what was collected. */
export function countAllocations() {
  const profiler = new GCProfiler();
  const used = () => getHeapStatistics().used_heap_size;
  profiler.start();
  const before = used();
  return {
    stop() {
      let bytes = used() - before;
      for (const { beforeGC, afterGC } of profiler.stop().statistics)
        bytes += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
      return bytes;
    },
  };
}

/** Promises and timers that are created until `stop` is called. Slows everything down, so that nothing is timed meanwhile. */
export function countAsync() {
  const seen = { promises: 0, timers: 0 };
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') seen.promises += 1;
      else if (type === 'Timeout' || type === 'Immediate') seen.timers += 1;
    },
  });
  hook.enable();
  return {
    stop() {
      hook.disable();
      return seen;
    },
  };
}
