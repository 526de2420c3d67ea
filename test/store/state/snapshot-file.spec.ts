import { describe, expect, it } from '@jest/globals';
import { CRASH_POLICIES, SeededRandom, SimulatedFileSystem } from '../../../lib/platform/index.js';
import { SnapshotFile } from '../../../lib/store/state/snapshot-file.js';
import { flip, memoryWorld, STATE, world } from './world.js';

describe('SnapshotFile', () => {
  it('gives back what was written, also when it is large or empty', async () => {
    const { fileSystem, logger } = await memoryWorld();
    const file = new SnapshotFile(fileSystem, STATE, 'thing', logger);
    expect(await file.load()).toBeUndefined();
    for (const payload of [Buffer.alloc(0), Buffer.from('small'), Buffer.alloc(3_500_000, 'large ')]) {
      await file.write(payload);
      expect((await new SnapshotFile(fileSystem, STATE, 'thing', logger).load())?.equals(payload)).toBe(true);
    }
  });

  it('finds a flipped bit anywhere in the newest and falls back to the version before it', async () => {
    const { fileSystem, logger } = await memoryWorld();
    const file = new SnapshotFile(fileSystem, STATE, 'thing', logger);
    await file.write(Buffer.from('first'));
    await file.write(Buffer.from('second'));
    for (let position = 0; position < 20 + 6; position++) {
      await flip(fileSystem, `${STATE}/thing`, position);
      expect((await new SnapshotFile(fileSystem, STATE, 'thing', logger).load())?.toString()).toBe('first');
      await flip(fileSystem, `${STATE}/thing`, position);
    }
    expect(logger.at('warn')[0]).toContain(`${STATE}/thing is damaged`);
    expect((await file.load())?.toString()).toBe('second');
  });

  it('keeps the valid predecessor when it replaces a damaged newest', async () => {
    const { fileSystem, logger } = await memoryWorld();
    const file = new SnapshotFile(fileSystem, STATE, 'thing', logger);
    await file.write(Buffer.from('first'));
    await file.write(Buffer.from('second'));
    await flip(fileSystem, `${STATE}/thing`, 22);
    const again = new SnapshotFile(fileSystem, STATE, 'thing', logger);
    await again.load();
    await again.write(Buffer.from('third'));
    await flip(fileSystem, `${STATE}/thing`, 22);
    expect((await new SnapshotFile(fileSystem, STATE, 'thing', logger).load())?.toString()).toBe('first');
  });

  it('refuses when no version is valid, and names the file', async () => {
    const { fileSystem, logger } = await memoryWorld();
    const file = new SnapshotFile(fileSystem, STATE, 'thing', logger);
    await file.write(Buffer.from('first'));
    await file.write(Buffer.from('second'));
    await flip(fileSystem, `${STATE}/thing`, 22);
    await flip(fileSystem, `${STATE}/thing.previous`, 3);
    await expect(new SnapshotFile(fileSystem, STATE, 'thing', logger).load()).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining(`${STATE}/thing.previous`),
    });
  });

  it('holds the last acknowledged version, or the one under way, after a crash at every operation', async () => {
    let images = 0;
    const random = new SeededRandom(1);
    const disk = new SimulatedFileSystem();
    let acknowledged = -1;
    let asked = -1;
    const checks: Promise<void>[] = [];
    disk.onOperation(() => {
      for (const policy of CRASH_POLICIES) {
        const image = disk.crashImage(policy, random);
        const atLeast = acknowledged;
        const atMost = asked;
        images++;
        checks.push(
          (async () => {
            const loaded = await new SnapshotFile(image, STATE, 'thing', world(image).logger).load();
            const version = loaded === undefined ? -1 : Number(loaded.toString());
            expect(version).toBeGreaterThanOrEqual(atLeast);
            expect(version).toBeLessThanOrEqual(atMost);
          })(),
        );
      }
    });
    await disk.makeDirectory(STATE);
    const file = new SnapshotFile(disk, STATE, 'thing', world(disk).logger);
    for (let version = 0; version < 5; version++) {
      asked = version;
      await file.write(Buffer.from(String(version)));
      acknowledged = version;
    }
    await Promise.all(checks);
    expect(images).toBeGreaterThan(100);
  });
});
