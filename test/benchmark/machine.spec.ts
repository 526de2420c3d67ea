import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const script = pathToFileURL(join(process.cwd(), 'test/benchmark/machine.js')).href;
const { refuseMemory, needSpace, mountOf, syncRate, describeMachine } = (await import(script)) as {
  refuseMemory(directory: string, statfs?: () => { type: number }): void;
  needSpace(directory: string, gibibytes: number, statfs: () => { bavail: number; bsize: number }): void;
  mountOf(directory: string, mountInfo?: string): { point: string; fileSystem: string; device: string };
  syncRate(directory: string, seconds: number): { perSecond: number; p50: number; p99: number };
  describeMachine(directory: string, seconds: number): Record<string, string>;
};

const MOUNTS = `21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:5 / /dev rw - devtmpfs devtmpfs rw
30 21 8:1 / /data rw - xfs /dev/sda1 rw
31 30 0:40 / /data/fast rw - tmpfs tmpfs rw
32 21 8:2 / /data rw - ext4 /dev/sdb1 rw
`;

describe('the facts of the machine', () => {
  it('come from the mount that a folder lies on', () => {
    expect(mountOf('/home/somebody', MOUNTS)).toMatchObject({ fileSystem: 'ext4', device: '/dev/vda' });
    expect(mountOf('/data/fast/deep', MOUNTS)).toMatchObject({ fileSystem: 'tmpfs', point: '/data/fast' });
    expect(mountOf('/data/faster', MOUNTS)).toMatchObject({ device: '/dev/sdb1' });
    expect(mountOf('/anywhere', '')).toMatchObject({ fileSystem: 'unknown' });
  });

  it.each([
    ['tmpfs', 0x01021994],
    ['ramfs', 0x858458f6],
  ])('refuse a %s, which has nothing to sync', (name, type) => {
    expect(() => refuseMemory('/somewhere', () => ({ type }))).toThrow(`/somewhere is on a ${name}`);
  });

  it('take a disk, if it has room', () => {
    const half = () => ({ bavail: 128, bsize: 4 * 1024 * 1024 });
    expect(() => refuseMemory('/somewhere', () => ({ type: 0xef53 }))).not.toThrow();
    expect(() => needSpace('/somewhere', 0.5, half)).not.toThrow();
    expect(() => needSpace('/somewhere', 1, half)).toThrow('0.5 GiB free, the run fills up to 1');
  });

  it('measure the syncs of the disk and leave nothing there', () => {
    const directory = mkdtempSync(join(tmpdir(), 'facts-'));
    const { perSecond, p50, p99 } = syncRate(directory, 0.02);
    expect(perSecond).toBeGreaterThan(0);
    expect(p99).toBeGreaterThanOrEqual(p50);
    const facts = describeMachine(directory, 0.01);
    expect(facts['fdatasync']).toMatch(/^\d+\/s of 1 KiB appended/);
    expect(facts['node']).toBe(process.version);
    // Throws if anything is left.
    rmdirSync(directory);
  });
});
