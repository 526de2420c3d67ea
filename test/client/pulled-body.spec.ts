import { deflateSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  encodeBatchBody,
  encodeProperties,
  encodeRecord,
  recordSize,
  SysFlag,
  withZlibCompression,
  type RecordFields,
} from '../../lib/protocol/index.js';
import { ConsumeMode } from '../../lib/client/index.js';
import { createCounters } from '../../lib/client/counters.js';
import { ListenerTable } from '../../lib/client/consumer/listener-table.js';
import { withConsumerDefaults } from '../../lib/client/options.js';
import { ProcessQueue } from '../../lib/client/consumer/process-queue.js';
import { PulledBodyDecoder } from '../../lib/client/consumer/pulled-body.js';
import { ACK } from './support.js';

function record(queueOffset: number, change: Partial<RecordFields> = {}): Buffer {
  const fields: RecordFields = {
    queueId: 0,
    flag: 0,
    queueOffset,
    physicalOffset: 1000 + queueOffset,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: '127.0.0.1:1',
    storeTimestamp: 2,
    storeHost: '127.0.0.1:2',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from(`body ${queueOffset}`),
    topic: 't',
    properties: encodeProperties([['TAGS', 'a']]),
    ...change,
  };
  const size = recordSize(
    fields.body.length,
    fields.topic.length,
    Buffer.byteLength(fields.properties),
    fields.sysFlag,
  );
  const bytes = Buffer.alloc(size);
  encodeRecord(bytes, 0, fields);
  return bytes;
}

function decoder(tag = '*'): { decoder: PulledBodyDecoder; counters: ReturnType<typeof createCounters> } {
  const counters = createCounters();
  const listeners = new ListenerTable(withConsumerDefaults({ group: 'g', mode: ConsumeMode.CONCURRENT }));
  listeners.add({ name: 'l', topic: 't', tag, handle: () => ACK });
  return { decoder: new PulledBodyDecoder(listeners, '%RETRY%g', counters), counters };
}

const queueOf = (topic = 't', offset = 0): ProcessQueue =>
  new ProcessQueue({ topic, brokerName: 'b', queueId: 0 }, offset, true);

describe('the body of a pull', () => {
  it('becomes deliveries in one pass', async () => {
    const body = Buffer.concat([record(0), record(1), record(5)]);
    const { deliveries, nextOffset } = await decoder().decoder.decode(queueOf(), body, 9);
    expect(deliveries.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 5]);
    expect(deliveries.map((delivery) => delivery.body.toString())).toEqual(['body 0', 'body 1', 'body 5']);
    expect(nextOffset).toBe(9);
  });

  it('is taken up to what cannot be read, and no further', async () => {
    const bad = record(2);
    bad.writeInt32BE(7, 4);
    const { deliveries, nextOffset } = await decoder().decoder.decode(
      queueOf(),
      Buffer.concat([record(0), record(1), bad, record(3)]),
      4,
    );
    expect(deliveries).toHaveLength(2);
    expect(nextOffset).toBe(2);
    expect(() => decoder().decoder.decode(queueOf(), bad, 4)).toThrow(
      expect.objectContaining({ code: 'RECORD_INVALID' }),
    );
  });

  it('is uncompressed; what cannot be is a dead letter, not an endless retry', async () => {
    const sysFlag = withZlibCompression(0);
    const body = Buffer.concat([
      record(0, { sysFlag, body: deflateSync(Buffer.alloc(5000, 'x')) }),
      record(1, { sysFlag, body: Buffer.from('no zlib') }),
      record(2, { sysFlag: SysFlag.COMPRESSED | SysFlag.COMPRESSION_ZSTD, body: Buffer.from('zstd') }),
      record(3),
    ]);
    const { deliveries } = await decoder().decoder.decode(queueOf(), body, 4);
    expect(deliveries[0]!.body).toEqual(Buffer.alloc(5000, 'x'));
    expect(deliveries.map(({ fault }) => fault?.code)).toEqual([undefined, 'UNDECODABLE', 'UNDECODABLE', undefined]);
  });

  it('may hold a whole batch in one record', async () => {
    const items = ['one', 'two', 'three'].map((text) => ({ flag: 0, body: Buffer.from(text), properties: '' }));
    const batch = record(10, { sysFlag: SysFlag.INNER_BATCH | SysFlag.NEED_UNWRAP, body: encodeBatchBody(items) });
    const { deliveries } = await decoder().decoder.decode(queueOf('t', 11), batch, 13);
    expect(deliveries.map((delivery) => [delivery.queueOffset, delivery.body.toString()])).toEqual([
      [11, 'two'],
      [12, 'three'],
    ]);
  });

  it('is filtered by the tag itself, which the broker compares by hash only', async () => {
    const { decoder: one, counters } = decoder('Aa');
    const body = Buffer.concat([
      record(0, { properties: encodeProperties([['TAGS', 'Aa']]) }),
      record(1, { properties: encodeProperties([['TAGS', 'BB']]) }),
      record(2, { properties: '' }),
    ]);
    const { deliveries } = await one.decode(queueOf(), body, 3);
    expect(deliveries.map(({ queueOffset }) => queueOffset)).toEqual([0]);
    expect(counters.filtered).toBe(2);
  });

  it('shows retries with the topic that they were sent to, and loses none whose listener is gone', async () => {
    const { decoder: one } = decoder();
    const of = (topic: string): string => encodeProperties([['RETRY_TOPIC', topic]]);
    const body = Buffer.concat([
      record(0, { topic: '%RETRY%g', properties: of('t'), reconsumeTimes: 2 }),
      record(1, { topic: '%RETRY%g', properties: of('gone') }),
    ]);
    const { deliveries } = await one.decode(queueOf('%RETRY%g'), body, 2);
    expect(deliveries.map(({ topic, attempt }) => [topic, attempt])).toEqual([
      ['t', 3],
      ['gone', 1],
    ]);
    expect(deliveries[0]!.listener?.binding.name).toBe('l');
    expect(deliveries[1]!.fault).toMatchObject({ code: 'UNDECODABLE' });
  });
});

describe('a queue in work', () => {
  it('commits the smallest offset that is not settled, in whatever order they settle', async () => {
    const queue = queueOf();
    const body = Buffer.concat([record(0), record(3), record(4), record(9)]);
    const { deliveries } = await decoder().decoder.decode(queue, body, 12);
    queue.append(deliveries, 12);
    const positions = [2, 0, 3, 1].map((index) => {
      queue.complete(deliveries[index]!);
      return queue.committedOffset;
    });
    expect(positions).toEqual([0, 3, 3, 12]);
    expect(queue.size).toBe(0);
  });

  it('is full by number, and by the distance to a straggler', async () => {
    const queue = queueOf();
    const { deliveries } = await decoder().decoder.decode(queue, Buffer.concat([record(0), record(1)]), 2);
    queue.append(deliveries, 2);
    expect(queue.full).toBe(false);
    queue.complete(deliveries[1]!);
    queue.append([], 2000);
    expect(queue.full).toBe(true);
    let room = false;
    const waiting = queue.room().then(() => (room = true));
    expect(room).toBe(false);
    queue.complete(deliveries[0]!);
    await waiting;
    expect(queue.full).toBe(false);
  });

  it('tells its handlers only when they are still at work as it is taken away', () => {
    const idle = queueOf();
    idle.drop();
    expect(idle.handlerSignal.aborted).toBe(false);
    const busy = queueOf();
    busy.begin();
    busy.drain();
    expect(busy.handlerSignal.aborted).toBe(false);
    expect(busy.draining).toBe(true);
    busy.drop();
    expect(busy.handlerSignal.aborted).toBe(true);
  });
});
