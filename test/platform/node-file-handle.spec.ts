import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const LIBRARY = new URL('../../lib/platform/node-file-handle.js', import.meta.url).href;

describe('a file of the machine', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'file-handle-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('writes and syncs with its one descriptor while the process has none left', async () => {
    const program = `
      import { openSync, closeSync, readFileSync } from 'node:fs';
      import { openNodeFile } from ${JSON.stringify(LIBRARY)};
      const path = process.argv[1];
      const file = await openNodeFile(path, 'wx+');
      let syncs = 0;
      const { datasync } = file;
      file.datasync = () => { syncs++; return datasync.call(file); };
      const taken = [];
      for (let left = true; left;) try { taken.push(openSync(path)); } catch (error) { left = error.code !== 'EMFILE'; }
      await file.writeSynced([Buffer.from('none '), Buffer.from('left')], 0);
      const without = syncs;
      for (const fd of taken) closeSync(fd);
      await file.writeSynced([Buffer.from(', then some')], 9);
      await file.close();
      console.log(JSON.stringify({ without, syncs, text: readFileSync(path, 'utf8') }));`;
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      'ulimit -n 128 && exec "$0" --input-type=module --eval "$1" "$2"',
      process.execPath,
      program,
      join(folder, 'log'),
    ]);
    const { without, syncs, text } = JSON.parse(stdout) as { without: number; syncs: number; text: string };
    expect(text).toBe('none left, then some');
    expect(without).toBe(1);
    // From then on one call is enough where the system has it.
    expect(syncs).toBe(process.platform === 'linux' ? 1 : 2);
  });
});
