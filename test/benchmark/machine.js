// What the figures were measured on. Nothing is compared across machines without these.
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join, resolve } from 'node:path';
import { percentile } from './statistics.js';

/** File systems in memory, by the magic number that statfs gives: tmpfs and ramfs. */
const IN_MEMORY = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);
const GIB = 1024 ** 3;

/** Throws for a folder that no sync can put on a disk. */
export function refuseMemory(directory, statfs = statfsSync) {
  const name = IN_MEMORY.get(statfs(directory).type);
  if (name === undefined) return;
  throw new Error(`${directory} is on a ${name}: there is no disk to sync. Name another folder with --directory.`);
}

/** Throws when the disk has less room than the rows fill. */
export function needSpace(directory, gibibytes, statfs = statfsSync) {
  const { bavail, bsize } = statfs(directory);
  const free = (Number(bavail) * Number(bsize)) / GIB;
  if (free >= gibibytes) return;
  throw new Error(
    `${directory} has ${free.toFixed(1)} GiB free, the run fills up to ${gibibytes}. Name another folder with --directory.`,
  );
}

/** The line of /proc/self/mountinfo that a folder lies on: `{ fileSystem, device, options }`. */
export function mountOf(directory, mountInfo = readText('/proc/self/mountinfo')) {
  const path = resolve(directory);
  const mounts = mountInfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before, after] = line.split(' - ');
      const [, , , , point, options] = before.split(' ');
      const [fileSystem, device, more] = after.split(' ');
      return { point, fileSystem, device, options: `${options};${more}` };
    })
    .filter(({ point }) => path === point || point === '/' || path.startsWith(`${point}/`));
  // The longest point is nearest; of two on the same point the later one covers the earlier.
  const nearest = mounts.reduce((best, one) => (best && best.point.length > one.point.length ? best : one), undefined);
  return nearest ?? { point: '?', fileSystem: 'unknown', device: 'unknown', options: '' };
}

/** Appends of 1 KiB, each synced before the next: how often a second, and how long one takes (ms). */
export function syncRate(directory, seconds = 2) {
  const path = join(directory, `sync-rate-${process.pid}`);
  const file = openSync(path, 'wx');
  const block = Buffer.alloc(1024, 'x');
  const took = [];
  try {
    const began = performance.now();
    for (let now = began; now - began < seconds * 1000;) {
      writeSync(file, block);
      fdatasyncSync(file);
      const after = performance.now();
      took.push(after - now);
      now = after;
    }
    const perSecond = took.length / ((performance.now() - began) / 1000);
    return { perSecond, p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** All facts as text, in the order in which they are printed. */
export function describeMachine(directory, seconds) {
  const { fileSystem, device, options } = mountOf(directory);
  const processors = cpus();
  const rate = syncRate(directory, seconds);
  return {
    processor: `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown'}`,
    memory: `${(totalmem() / GIB).toFixed(0)} GiB`,
    kernel: `${type()} ${release()}`,
    node: process.version,
    disk: `${device}${virtual(device)}, ${fileSystem} (${options})`,
    writeCache: writeCacheOf(device),
    fdatasync: `${Math.round(rate.perSecond)}/s of 1 KiB appended, p50 ${rate.p50.toFixed(3)} ms, p99 ${rate.p99.toFixed(3)} ms`,
  };
}

/** The flushes that the device of a folder has completed since it was started; undefined where the kernel does not say. */
export function deviceFlushes(directory) {
  const { dev } = statSync(directory);
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  for (const line of readText('/proc/diskstats').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[0]) === major && Number(fields[1]) === minor && fields.length >= 20) return Number(fields[18]);
  }
  return undefined;
}

function blockDevice(device) {
  return device.startsWith('/dev/') ? device.slice('/dev/'.length) : undefined;
}

function virtual(device) {
  return /^\/dev\/x?vd/.test(device) ? ' (a virtual disk: what its host does with a flush cannot be seen)' : '';
}

function writeCacheOf(device) {
  const name = blockDevice(device);
  return (name && readText(`/sys/block/${name}/queue/write_cache`).trim()) || 'unknown';
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
