import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import { readShardCount, settleShardCount } from '../../lib/server/sharding/shard-count.js';

describe('the number of shards in a folder', () => {
  async function folder(...files: readonly (readonly [name: string, text: string])[]): Promise<MemoryFileSystem> {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory('/store');
    for (const [name, text] of files) {
      const file = await fileSystem.open(`/store/${name}`, 'create');
      await file.write(Buffer.from(text), 0);
      await file.close();
    }
    return fileSystem;
  }

  it('is decided by the first start, may grow, and says which shards came later', async () => {
    const fileSystem = await folder();
    expect(await readShardCount(fileSystem, '/store')).toBeUndefined();
    expect(await settleShardCount(fileSystem, '/store', 2)).toEqual({ shards: 2, first: 2 });
    expect(await settleShardCount(fileSystem, '/store', 2)).toEqual({ shards: 2, first: 2 });
    expect(await settleShardCount(fileSystem, '/store', 5)).toEqual({ shards: 5, first: 2 });
    expect(await readShardCount(fileSystem, '/store')).toEqual({ shards: 5, first: 2 });
  });

  it('never shrinks: messages would be out of reach', async () => {
    const fileSystem = await folder();
    await settleShardCount(fileSystem, '/store', 3);
    await expect(settleShardCount(fileSystem, '/store', 2)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/has 3 shards.*Give 3 or more/),
    });
    expect(await readShardCount(fileSystem, '/store')).toEqual({ shards: 3, first: 3 });
  });

  it('is none where a broker without shards has its store', async () => {
    const fileSystem = await folder();
    await fileSystem.makeDirectory('/store/commitlog');
    await expect(settleShardCount(fileSystem, '/store', 2)).rejects.toMatchObject({ code: 'CONFIGURATION' });
    expect(await readShardCount(fileSystem, '/store')).toBeUndefined();
  });

  it.each(['', '{}', 'no JSON', '{"shards":1,"first":2}', '{"shards":"2","first":1}'])(
    'is not guessed when its file says %j',
    async (text) => {
      const fileSystem = await folder(['shards.json', text]);
      await expect(settleShardCount(fileSystem, '/store', 2)).rejects.toMatchObject({
        code: 'STORE_DAMAGED',
        message: expect.stringContaining('/store/shards.json'),
      });
    },
  );
});
