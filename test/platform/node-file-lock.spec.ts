import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NodeFileSystem } from '../../lib/platform/index.js';

describe('the kernel lock', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'nestmq-lock-'));
  });
  afterAll(() => rm(root, { recursive: true }));

  it('is held against another process and goes with it when that is killed', async () => {
    const path = join(root, 'lock');
    const library = new URL('../../lib/platform/index.js', import.meta.url).href;
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { NodeFileSystem } from ${JSON.stringify(library)};
         const lock = await new NodeFileSystem().lock(${JSON.stringify(path)});
         await lock.describe('the other one');
         console.log('locked');
         setInterval(() => {}, 1000);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    const fileSystem = new NodeFileSystem();
    expect(await fileSystem.lock(path)).toEqual({ holder: 'the other one' });
    child.kill('SIGKILL');
    await exited;
    const lock = await fileSystem.lock(path);
    if ('holder' in lock) throw new Error('the lock outlived its process');
    await lock.release();
  });

  it('is held on a disk that has no room to say by whom', async () => {
    if (process.platform !== 'linux') return;
    // Every write to this device finds no room.
    const path = join(root, 'full');
    await symlink('/dev/full', path);
    const lock = await new NodeFileSystem().lock(path);
    expect('holder' in lock).toBe(false);
    if (!('holder' in lock)) await lock.release().catch(() => undefined);
  });

  it('keeps stores from the eyes of others', async () => {
    const fileSystem = new NodeFileSystem();
    await fileSystem.makeDirectory(join(root, 'store/commitlog'));
    const file = await fileSystem.open(join(root, 'store/commitlog/0'), 'create');
    await file.close();
    if (process.platform === 'win32') return;
    expect((await stat(join(root, 'store'))).mode & 0o077).toBe(0);
    expect((await stat(join(root, 'store/commitlog/0'))).mode & 0o077).toBe(0);
  });
});
