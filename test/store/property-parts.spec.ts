import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { MemoryFileSystem, SeededRandom, SimulatedFileSystem, VirtualClock } from '../../lib/platform/index.js';
import {
  AlikeBatch,
  BodyRow,
  decodeRecord,
  joinedProperties,
  tagsCode,
  TIMER_TOPIC,
} from '../../lib/protocol/index.js';
import type { MessageStore, StoreMessage, StoreMessages } from '../../lib/store/index.js';
import { contentsBelow, message, openStore, readTexts, STORE_PATH, text, TOPIC } from './support.js';

const BEGIN = '0A01020305D92A3B4C5D00112233';
const REST = '\x02WAIT\x01true\x02NESTMQ_CONTENT_TYPE\x01json\x02';

const TOPICS = ['paid', 'sent', 'send', 'über', 'abcde', 'Xpaid', TIMER_TOPIC];

interface Parts {
  readonly idEnd: number;
  readonly idBegin?: string;
  readonly rest?: string;
}

function inParts(
  body: string,
  { idEnd, idBegin = BEGIN, rest = REST }: Parts,
  more: Partial<StoreMessage> = {},
): StoreMessage {
  return message(body, { properties: joinedProperties(idBegin, idEnd, rest), idBegin, idEnd, rest, ...more });
}

function inOneText(message: StoreMessage): StoreMessage {
  const { idBegin, idEnd, rest, ...others } = message;
  return { ...others, properties: joinedProperties(idBegin!, idEnd!, rest!) };
}

/** A batch of messages that have their bodies and the ends of their ids to themselves, some of their bodies equally long. */
function alike(count: number, topic: string): StoreMessages & { readonly messages: AlikeBatch } {
  const row = new BodyRow(count * 500, count);
  for (let index = 0; index < count; index++) row.add(Buffer.from(text(index, 20 + ((index % 450) & ~7))));
  const batch = new AlikeBatch(BEGIN, 0xff00, REST, row);
  const at = (place: number): StoreMessage => {
    const idEnd = batch.idEnd(place);
    return inParts('', { idEnd }, { topic, body: row.body(place) });
  };
  return { length: count, alike: batch, messages: batch, at };
}

function put(store: MessageStore, messages: StoreMessages, together: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    if (together) store.putBatch(messages, (error) => (error === undefined ? resolve() : reject(error)));
    else
      store.putMany(messages as readonly StoreMessage[], (outcomes) =>
        outcomes.failed ? reject(outcomes.firstError!) : resolve(),
      );
  });
}

/** More than wait at first, of several topics, tags and milliseconds, and some that are written field by field. */
function mixed(): StoreMessage[] {
  return Array.from({ length: 1500 }, (_, index) => {
    const parts = {
      idEnd: (index * 43) & 0xffff,
      idBegin: `${BEGIN.slice(0, 24)}${(4096 + (index >> 5)).toString(16).toUpperCase()}`,
      rest: index % 3 === 0 ? REST : `${REST}TAGS\x01tag-${index % 5}\x02`,
    };
    return inParts(text(index, 20 + (index % 300)), parts, { queueId: index % 4, flag: index % 50 === 0 ? 7 : 0 });
  });
}

/** To topics in turn, some with names of one length, some of them beyond ASCII, and from clients with addresses of both kinds. */
function toManyTopics(): StoreMessage[] {
  return Array.from({ length: 600 }, (_, index) => {
    const topic = TOPICS[(index * 7 + (index >> 5)) % TOPICS.length]!;
    const bornHost = index % 11 === 0 ? '[2001:db8::1]:5' : '192.168.7.9:54321';
    return inParts(text(index, 20 + (index % 90)), { idEnd: index * 43 }, { topic, bornHost });
  });
}

async function filled(messages: StoreMessages, together: boolean) {
  const fileSystem = new MemoryFileSystem();
  const { store } = await openStore(
    fileSystem,
    { segmentBytes: 1024 * 1024, index: true },
    { clock: new VirtualClock() },
  );
  for (const topic of TOPICS) await store.createTopic(topic, { readQueueNums: 1, writeQueueNums: 1 });
  await put(store, messages, together);
  return { store, fileSystem };
}

/** The files of the log, the queues and the index, with their contents' length and hash. */
async function closed({ store, fileSystem }: Awaited<ReturnType<typeof filled>>) {
  await store.close();
  const contents = [...(await contentsBelow(fileSystem, STORE_PATH))];
  const derived = contents.filter(([path]) => /commitlog|consumequeue|index|queues/.test(path));
  return derived.map(([path, bytes]) => [path, bytes.length, createHash('sha256').update(bytes).digest('hex')]);
}

const SEARCH = { topic: TOPIC, unique: true, from: 0, to: Number.MAX_SAFE_INTEGER, max: 10 };

describe('messages with their properties in parts', () => {
  it.each([true, false])(
    'lie on the disk as those with the same properties in one text do (together: %s)',
    async (together) => {
      const some = together ? mixed().map((each) => ({ ...each, queueId: 1 })) : mixed();
      const parts = await closed(await filled(some, together));
      expect(parts.length).toBeGreaterThan(3);
      expect(parts).toEqual(await closed(await filled(some.map(inOneText), together)));
    },
  );

  it('lie there as those in one text do when each is for another topic', async () => {
    const some = toManyTopics();
    const parts = await closed(await filled(some, false));
    expect(parts.length).toBeGreaterThan(TOPICS.length);
    expect(parts).toEqual(await closed(await filled(some.map(inOneText), false)));
  });

  it.each([
    ['', TOPIC],
    [', also where they are written one by one', 'über'],
  ])('lie there as those in one text do when they are a batch of messages alike%s', async (_, topic) => {
    const batch = alike(1300, topic);
    const each = Array.from(batch.messages, ({ body, properties }) => message(body.toString(), { topic, properties }));
    const whole = await closed(await filled(batch, true));
    expect(whole.length).toBeGreaterThan(3);
    expect(whole).toEqual(await closed(await filled(each, true)));
  });

  it('are there whole after a crash, and not at all without room, as a batch of messages alike', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    const whole = alike(50, TOPIC);
    const texts = Array.from(whole.messages, ({ body }) => body.toString());
    await put(store, whole, true);
    await expect(put(store, alike(600, TOPIC), true)).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    const { store: after } = await openStore(disk.crashImage('none', new SeededRandom(3)));
    expect(await readTexts(after)).toEqual(texts);
    await after.close();
  });

  it('are found by their id, and tell the waiting their tags', async () => {
    const { store } = await openStore(new MemoryFileSystem(), { index: true });
    const tags: (readonly number[] | undefined)[] = [];
    store.onVisible((arrivals) => tags.push(...arrivals.map(({ arrivedTags }) => arrivedTags)));
    const tagged = `${REST}TAGS\x01paid\x02`;
    await put(store, [inParts('a', { idEnd: 1 }), inParts('b', { idEnd: 2, rest: tagged })], false);
    expect(tags).toEqual([[0, tagsCode(tagged)]]);
    const [found] = await store.index!.find({ ...SEARCH, key: `${BEGIN}0002` });
    expect(decodeRecord(found!)).toMatchObject({
      properties: joinedProperties(BEGIN, 2, tagged),
      bornTimestamp: 1_700_000_000_000,
    });
    await store.close();
  });

  it('are found by the keys among them', async () => {
    const { store } = await openStore(new MemoryFileSystem(), { index: true });
    await put(store, [inParts('a', { idEnd: 1, rest: `${REST}KEYS\x01k1 k2\x02` })], false);
    for (const key of ['k1', 'k2']) expect(await store.index!.find({ ...SEARCH, key, unique: false })).toHaveLength(1);
    await store.close();
  });

  it('keep what hidden topics need, and what only some messages have', async () => {
    const { store } = await openStore();
    await store.createTopic(TIMER_TOPIC, { readQueueNums: 1, writeQueueNums: 1 });
    const waiting = `${REST}TIMER_OUT_MS\x014102444800000\x02REAL_TOPIC\x01${TOPIC}\x02REAL_QID\x010\x02`;
    await put(store, [inParts('later', { idEnd: 1, rest: waiting }, { topic: TIMER_TOPIC })], false);
    expect(store.timers.stats.pending).toBe(1);
    await put(store, [inParts('again', { idEnd: 2 }, { reconsumeTimes: 3, bornHost: '[::1]:5' })], false);
    const record = await store.recordAt((await store.queueEntries(TOPIC, 0, 0, 1))[0]!.physicalOffset);
    expect([record.reconsumeTimes, record.bornHost]).toEqual([3, '[::1]:5']);
    await store.close();
  });

  it('of more topics and tags than are kept in mind are all stored', async () => {
    const { store } = await openStore(new MemoryFileSystem(), { segmentBytes: 4 * 1024 * 1024 });
    const many = Array.from({ length: 9000 }, (_, at) =>
      inParts(text(at), { idEnd: at, rest: `${REST}TAGS\x01t${at % 100}\x02` }),
    );
    await put(store, many, false);
    expect(await readTexts(store)).toEqual(many.map(({ body }) => body.toString()));
    await store.close();
  });

  it('are there after a crash', async () => {
    const disk = new SimulatedFileSystem();
    const { store } = await openStore(disk);
    const messages = Array.from({ length: 300 }, (_, at) => inParts(text(at), { idEnd: at }));
    await put(store, messages, false);
    const image = disk.crashImage('none', new SeededRandom(3));
    const { store: after } = await openStore(image);
    expect(await readTexts(after)).toEqual(messages.map(({ body }) => body.toString()));
    await after.close();
  });
});
