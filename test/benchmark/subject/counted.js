// Loaded before everything else in a measured process (`--import`): counts what it really asks of the disk, and answers
// its parent with that, its processor time and the share of time that its event loop was busy.
// Worker threads load it as well and count into the same memory.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { LOG_SYNCS, OTHER_SYNCS, readCounts, syncs } from './counts.js';

/** Paths by descriptor, so that a sync of the log is told from one of another file. */
const paths = new Map();
const isLog = (path) => path !== undefined && /commitlog[/\\]\d+$/.test(path);

function note(fd) {
  Atomics.add(syncs, isLog(paths.get(fd)) ? LOG_SYNCS : OTHER_SYNCS, 1);
}

/** Descriptors whose writes are on the disk when they return: each such write is a sync. */
const synced = new Set();

const { open, close, write, writev, writevSync, fdatasync, fsync, fdatasyncSync, fsyncSync, rename } = fs;
fs.open = function opened(path, ...rest) {
  const done = rest.pop();
  open(path, ...rest, (error, fd) => {
    if (!error) paths.set(fd, String(path));
    if (!error && typeof rest[0] === 'number' && (rest[0] & fs.constants.O_DSYNC) !== 0) synced.add(fd);
    done(error, fd);
  });
};
fs.close = function closed(fd, ...rest) {
  paths.delete(fd);
  synced.delete(fd);
  close(fd, ...rest);
};
for (const [name, original] of Object.entries({ write, writev, writevSync })) {
  fs[name] = function written(fd, ...rest) {
    if (synced.has(fd)) note(fd);
    return original(fd, ...rest);
  };
}
for (const [name, original] of Object.entries({ fdatasync, fsync, fdatasyncSync, fsyncSync })) {
  fs[name] = function syncs(fd, ...rest) {
    note(fd);
    return original(fd, ...rest);
  };
}
const renamed = (from, to) => {
  for (const [fd, path] of paths) if (path === String(from)) paths.set(fd, String(to));
};
fs.rename = function renames(from, to, done) {
  rename(from, to, (error) => {
    if (!error) renamed(from, to);
    done(error);
  });
};
const { rename: renamePromised } = fs.promises;
fs.promises.rename = async function renames(from, to) {
  await renamePromised(from, to);
  renamed(from, to);
};
syncBuiltinESMExports();

if (isMainThread && process.send !== undefined) {
  process.on('message', (message) => {
    if (message?.counts === true) process.send({ counts: readCounts() });
  });
  // Its parent's questions keep nothing alive that would end otherwise.
  process.channel?.unref();
}
