import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryFileSystem, NodeFileSystem } from '../../lib/platform/index.js';
import { MessageStore, type PutOutcomes, type PutResult } from '../../lib/store/index.js';
import { message, openStore, putAll, readAll, readTexts, recordsOf, text, texts, TOPIC } from './support.js';

describe('MessageStore', () => {
  it('gives back what was put, in order, with the offsets it was acknowledged with', async () => {
    const { store } = await openStore();
    const results: PutResult[] = [];
    for (const each of texts(10)) results.push(await store.putAsync(message(each)));
    const records = await readAll(store);
    expect(records.map((record) => record.body.toString())).toEqual(texts(10));
    expect(records.map((record) => record.queueOffset)).toEqual(results.map((result) => result.queueOffset));
    expect(records.map((record) => record.physicalOffset)).toEqual(results.map((result) => result.physicalOffset));
    expect(records[0]!.properties).toBe('UNIQ_KEY\x01ABC\x02TAGS\x01created\x02');
    await store.close();
  });

  it('keeps everything over a restart, also over many segments and queues', async () => {
    const { store, fileSystem } = await openStore();
    for (let queueId = 0; queueId < 4; queueId++) await putAll(store, texts(100, 900, queueId * 1000), queueId);
    expect(store.health().segments).toBeGreaterThan(4);
    await store.close();
    const again = await openStore(fileSystem);
    expect(again.store.cleanStart).toBe(true);
    for (let queueId = 0; queueId < 4; queueId++)
      expect(await readTexts(again.store, queueId)).toEqual(texts(100, 900, queueId * 1000));
    await putAll(again.store, ['after the restart']);
    expect((await readAll(again.store)).at(-1)).toMatchObject({ queueOffset: 100 });
    await again.store.close();
  });

  it('runs on the real disk as it does in memory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nestmq-'));
    try {
      const path = join(directory, 'store');
      const { store } = await openStore(new NodeFileSystem(), { path });
      await putAll(store, texts(300, 900));
      await store.close();
      const again = await openStore(new NodeFileSystem(), { path });
      expect(await readTexts(again.store)).toEqual(texts(300, 900));
      await again.store.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('removes the queue files of a topic that was deleted and created anew, at the next checkpoint', async () => {
    const { store, fileSystem } = await openStore();
    await putAll(store, texts(10));
    await store.checkpoint();
    const former = store.topics.get(TOPIC)!.number;
    await store.topics.delete(TOPIC, store.visibleOffset);
    await store.createTopic(TOPIC, { readQueueNums: 4, writeQueueNums: 4 });
    await putAll(store, texts(3, 20, 10));
    await store.checkpoint();
    const names = await fileSystem.list('/store/consumequeue');
    expect(names).not.toContain(String(former));
    expect(names).toContain(String(store.topics.get(TOPIC)!.number));
    expect(await readTexts(store)).toEqual(texts(3, 20, 10));
    await store.close();
  });

  it('puts a batch into the log without anything in between and acknowledges it once', async () => {
    const { store } = await openStore();
    store.put(message('before'), () => undefined);
    const batch = new Promise<PutOutcomes>((resolve, reject) => {
      store.putBatch(
        texts(5).map((each) => message(each)),
        (error, outcomes) => (error === undefined ? resolve(outcomes!) : reject(error)),
      );
    });
    store.put(message('after'), () => undefined);
    const outcomes = await batch;
    expect([0, 1, 2, 3, 4].map((place) => outcomes.queueOffset(place))).toEqual([1, 2, 3, 4, 5]);
    for (let place = 1; place < 5; place++)
      expect(outcomes.physicalOffset(place)).toBe(outcomes.physicalOffset(place - 1) + outcomes.size(place - 1));
    await store.close();
  });

  it('refuses a batch as a whole when one of its messages cannot be stored', async () => {
    const { store } = await openStore();
    const batch = [message('fits'), message('x'.repeat(70_000))];
    const error = await new Promise((resolve) => store.putBatch(batch, resolve));
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(store.maxOffset(TOPIC, 0)).toBe(0);
    await store.close();
  });

  it.each([
    ['an unknown topic', { topic: 'nowhere' }, 'TOPIC_NOT_FOUND'],
    ['a queue that the topic does not have', { queueId: 4 }, 'BAD_ARGUMENT'],
    ['a negative queue', { queueId: -1 }, 'BAD_ARGUMENT'],
    ['properties over the limit', { properties: `a\x01${'x'.repeat(40_000)}\x02` }, 'PROPERTIES_INVALID'],
    ['a host that is none', { bornHost: 'somewhere' }, 'BAD_ARGUMENT'],
  ])('refuses %s and goes on', async (_what, overrides, code) => {
    const { store } = await openStore();
    await expect(store.putAsync(message('bad', overrides))).rejects.toMatchObject({ code });
    await putAll(store, ['good']);
    expect(await readTexts(store)).toEqual(['good']);
    await store.close();
  });

  it('answers positions outside of a queue as RocketMQ does', async () => {
    const { store } = await openStore();
    const at = async (offset: number, queueId = 0) =>
      store.read({ topic: TOPIC, queueId, offset, maxMessages: 32, maxBytes: 1024 });
    expect(await at(0, 3)).toMatchObject({ status: 'NO_MATCHED_LOGIC_QUEUE', nextBeginOffset: 0 });
    await putAll(store, texts(3));
    expect(await at(3)).toMatchObject({ status: 'OFFSET_OVERFLOW_ONE', nextBeginOffset: 3, maxOffset: 3 });
    expect(await at(9)).toMatchObject({ status: 'OFFSET_OVERFLOW_BADLY', nextBeginOffset: 3 });
    expect(await at(-1)).toMatchObject({ status: 'OFFSET_TOO_SMALL', nextBeginOffset: 0 });
    await store.close();
  });

  it('filters by tags code, passes over what does not match and says where to read on', async () => {
    const { store } = await openStore();
    for (let index = 0; index < 6; index++)
      await store.putAsync(message(text(index), { properties: `TAGS\x01${index % 2 === 0 ? 'a' : 'b'}\x02` }));
    const query = { topic: TOPIC, queueId: 0, offset: 0, maxMessages: 2, maxBytes: 1024 };
    const some = await store.read({ ...query, matches: (code) => code === 'b'.charCodeAt(0) });
    expect(recordsOf(some).map((record) => record.queueOffset)).toEqual([1, 3]);
    expect(some.nextBeginOffset).toBe(4);
    const none = await store.read({ ...query, matches: () => false });
    expect(none).toMatchObject({ status: 'NO_MATCHED_MESSAGE', nextBeginOffset: 6, messageCount: 0 });
    await store.close();
  });

  it('keeps to the limits of a read but always answers one message', async () => {
    const { store } = await openStore();
    await putAll(store, texts(10, 500));
    const read = async (maxMessages: number, maxBytes: number) =>
      (await store.read({ topic: TOPIC, queueId: 0, offset: 0, maxMessages, maxBytes })).messageCount;
    expect(await read(3, 100_000)).toBe(3);
    expect(await read(32, 10)).toBe(1);
    expect(await read(32, 1_500)).toBe(2);
    await store.close();
  });

  it('tells once a batch which queues became longer, to where, and by messages of which tags', async () => {
    const { store } = await openStore();
    const seen: unknown[] = [];
    store.onVisible((arrivals) => {
      seen.push(arrivals.map(({ topic, queueId, maxOffset, arrivedTags }) => [topic, queueId, maxOffset, arrivedTags]));
    });
    await Promise.all([putAll(store, texts(3), 1), putAll(store, texts(2), 2)]);
    const code = [...'created'].reduce((hash, each) => (Math.imul(hash, 31) + each.charCodeAt(0)) | 0, 0);
    expect(seen).toEqual([
      [
        [TOPIC, 1, 3, [code]],
        [TOPIC, 2, 2, [code]],
      ],
    ]);
    await store.close();
  });

  it('finds messages by time', async () => {
    const { store, platform } = await openStore(new MemoryFileSystem());
    const times: number[] = [];
    for (const each of texts(5)) {
      times.push((await store.putAsync(message(each))).storeTimestamp);
      await platform.clock.sleep(3);
    }
    expect(await store.storeTimestampAt(TOPIC, 0, 2)).toBe(times[2]);
    expect(await store.offsetByTime(TOPIC, 0, 0)).toBe(0);
    expect(await store.offsetByTime(TOPIC, 0, times[3]!)).toBe(3);
    expect(await store.offsetByTime(TOPIC, 0, times[3]! - 1)).toBe(3);
    expect(await store.offsetByTime(TOPIC, 0, times[3]! - 1, 'upper')).toBe(2);
    expect(await store.offsetByTime(TOPIC, 0, times[4]! + 1)).toBe(5);
    await store.close();
  });

  it('finds one message by its log offset and refuses offsets that none begins at', async () => {
    const { store } = await openStore();
    await putAll(store, texts(400, 400));
    const records = await readAll(store);
    for (const record of [records[0]!, records[200]!, records.at(-1)!])
      expect((await store.recordAt(record.physicalOffset)).body.toString()).toBe(record.body.toString());
    await expect(store.recordAt(records[200]!.physicalOffset + 1)).rejects.toMatchObject({ code: 'RECORD_INVALID' });
    await expect(store.recordAt(records.at(-1)!.physicalOffset + 8)).rejects.toMatchObject({ code: 'RECORD_INVALID' });
    await expect(store.recordAt(-1)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    await expect(store.recordAt(store.visibleOffset)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    await store.close();
  });

  it('lets a topic that was created anew begin with nothing of its predecessor', async () => {
    const { store, fileSystem } = await openStore();
    await putAll(store, texts(3));
    await store.topics.delete(TOPIC, store.visibleOffset);
    await expect(store.putAsync(message('too late'))).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
    await store.createTopic(TOPIC, { readQueueNums: 1, writeQueueNums: 1 });
    expect(store.maxOffset(TOPIC, 0)).toBe(0);
    await putAll(store, ['new']);
    await store.close();
    await fileSystem.remove('/store/checkpoint');
    await fileSystem.remove('/store/checkpoint.previous');
    const again = await openStore(fileSystem);
    expect(await readTexts(again.store)).toEqual(['new']);
    await again.store.close();
  });

  it('refuses puts once closed, and closing twice is once', async () => {
    const { store } = await openStore();
    await Promise.all([store.close(), store.close()]);
    await expect(store.putAsync(message('late'))).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    expect(store.state).toBe('closed');
  });

  it('refuses a store that a newer version has written, and changes nothing in it', async () => {
    const { store, fileSystem, platform } = await openStore();
    await store.close();
    const header = await fileSystem.open('/store/store.json', 'write');
    const newer = Buffer.from('{"format":2,"anything":"else"}');
    await header.write(newer, 0);
    await header.truncate(newer.length);
    const open = MessageStore.open({ path: '/store', storeHost: '127.0.0.1:10911' }, platform);
    await expect(open).rejects.toMatchObject({ code: 'STORE_NEWER' });
  });

  it('keeps the segment size that the store was created with', async () => {
    const { store, fileSystem } = await openStore(undefined, { segmentBytes: 32 * 1024 });
    await putAll(store, texts(100, 900));
    await store.close();
    const again = await openStore(fileSystem, { segmentBytes: 128 * 1024 });
    expect(await readTexts(again.store)).toEqual(texts(100, 900));
    expect((again.store.log.segments()[1] as { baseOffset: number }).baseOffset).toBe(32 * 1024);
    await again.store.close();
  });
});
