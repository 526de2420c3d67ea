import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SeededRandom, silentLogger, systemPlatform, VirtualClock, type Platform } from '../../lib/platform/index.js';
import { TcpConnector } from '../../lib/remoting/index.js';
import { BrokerHost } from '../../lib/server/index.js';
import { ConsumeMode, MessagingClient, type ReceivedMessage } from '../../lib/client/index.js';
import { ACK, text } from './support.js';

describe('over TCP', () => {
  let platform: Platform;
  /** The broker's, so that nothing is due there before its test lets it be: sockets take the time that they take. */
  let time: VirtualClock;
  let host: BrokerHost;
  let client: MessagingClient;

  beforeAll(async () => {
    platform = systemPlatform({ logger: silentLogger, random: new SeededRandom(3) });
    time = new VirtualClock();
    host = await BrokerHost.start(
      { memory: true, listen: 0, topics: ['t'], transactions: { timeoutMillis: 100 } },
      { ...platform, clock: time },
    );
    client = new MessagingClient(
      { application: 'tcp', nameServers: [host.address!], connector: new TcpConnector({}, platform.clock) },
      platform,
    );
    await client.start();
  });
  afterAll(async () => {
    await client.shutdown(1000);
    await host.stop();
  });

  it('messages come through as they were sent, big ones compressed on the way', async () => {
    const received: ReceivedMessage[] = [];
    let complete!: () => void;
    const all = new Promise<void>((resolve) => (complete = resolve));
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    consumer.add({
      name: 'l',
      topic: 't',
      handle: (message) => {
        if (received.push(message) === 53) complete();
        return ACK;
      },
    });
    await consumer.register();
    await consumer.start();
    const compressible = Buffer.alloc(100_000, 'abc');
    await client.producer.send({ topic: 't', body: compressible, properties: { which: 'big' } });
    const random = new SeededRandom(9);
    const noise = Buffer.from(Array.from({ length: 8192 }, () => random.below(256)));
    await client.producer.send({ topic: 't', body: noise, properties: { which: 'noise' } });
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => client.producer.send(text('t', `${n}`, { shardingKey: 'k' }))),
    );
    client.producer.sendOneWay(text('t', 'one way'));
    await all;
    const of = (which: string): Buffer => received.find((message) => message.properties['which'] === which)!.body;
    expect(of('big').equals(compressible)).toBe(true);
    expect(of('noise').equals(noise)).toBe(true);
    const small = received.map((message) => message.text()).filter((body) => /^\d+$/.test(body));
    expect(small.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`));
    expect(received.every((message) => message.attempt === 1)).toBe(true);
  });

  it('transactions are committed, and checked over the connection of their producer', async () => {
    const seen: string[] = [];
    const checked: string[] = [];
    let [begun, complete] = [(): void => {}, (): void => {}];
    const first = new Promise<void>((resolve) => (begun = resolve));
    const both = new Promise<void>((resolve) => (complete = resolve));
    const consumer = client.consumer({ group: 'tx', mode: ConsumeMode.CONCURRENT });
    consumer.add({
      name: 'l',
      topic: 'tx',
      handle: (message) => {
        (seen.push(message.text()) === 1 ? begun : complete)();
        return ACK;
      },
    });
    await consumer.register();
    await consumer.start();
    await client.transactions.register('tx-producers', {
      execute: (message) => (message.text().startsWith('open') ? 'UNKNOWN' : 'COMMIT'),
      check: (message) => {
        checked.push(message.text().slice(0, 4));
        return 'COMMIT';
      },
    });
    const committed = await client.transactions.send('tx-producers', text('tx', 'committed'), undefined);
    // Over the size from which bodies are compressed on the way.
    const open = await client.transactions.send('tx-producers', text('tx', 'open'.repeat(5000)), undefined);
    expect([committed.transactionState, open.transactionState]).toEqual(['COMMIT', 'UNKNOWN']);
    // The commit is a request without an answer: only what comes of it says that it is there.
    await first;
    await time.advance(100);
    await both;
    expect(checked).toEqual(['open']);
    expect(seen.map((body) => body.slice(0, 4)).toSorted()).toEqual(['comm', 'open']);
  });

  it('a request gets its reply, and an error its class', async () => {
    const consumer = client.consumer({ group: 'quotes', mode: ConsumeMode.CONCURRENT });
    consumer.add({
      name: 'l',
      topic: 'quotes',
      handle: (message) => {
        if (message.text() === 'bad') throw new RangeError('no such article');
        return {
          kind: 'acknowledge',
          reply: { body: Buffer.from(`${message.text()}!`.repeat(3000)), contentType: 'text' },
        };
      },
    });
    await consumer.register();
    await consumer.start();
    const reply = await client.requests.request(text('quotes', 'lantern'), 20_000);
    expect(reply?.body.toString()).toBe('lantern!'.repeat(3000));
    await expect(client.requests.request(text('quotes', 'bad'), 20_000)).rejects.toMatchObject({
      code: 'REQUEST_FAILED',
      errorClass: 'RangeError',
    });
    await expect(client.requests.request(text('nobody', 'x'), 50)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('a retry and a typed error are the same as in process', async () => {
    const attempts: number[] = [];
    let complete!: () => void;
    let over = false;
    const done = new Promise<void>((resolve) => (complete = resolve)).then(() => (over = true));
    const consumer = client.consumer({ group: 'retrying', mode: ConsumeMode.CONCURRENT });
    consumer.add({
      name: 'l',
      topic: 'u',
      handle: (message) => {
        attempts.push(message.attempt);
        if (message.attempt < 3) return { kind: 'retry', error: new Error('again'), delayMillis: 5 };
        complete();
        return ACK;
      },
    });
    await consumer.register();
    await consumer.start();
    await client.producer.send(text('u', 'x'));
    // A turn of the loop each time, in which what was sent back may arrive.
    while (!over) await time.advance(5);
    await done;
    expect(attempts).toEqual([1, 2, 3]);
    const refused = client.producer.send(text('u', 'x', { delay: { deliverAt: Number.MAX_SAFE_INTEGER } }));
    await expect(refused).rejects.toMatchObject({ code: 'PROPERTIES_INVALID' });
  });
});
