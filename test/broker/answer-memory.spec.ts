import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AnswerMemory } from '../../lib/broker/answer-memory.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import {
  createRequest,
  decodeRecords,
  LIMITS,
  type MessageRecord,
  PullSysFlag,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import {
  type Channel,
  encodeFrame,
  requestFields,
  type Respond,
  SERIALIZE_JSON,
  TcpServer,
} from '../../lib/remoting/index.js';
import { RawPeer, until } from '../remoting/support.js';
import { pullHeader, TestBroker } from './harness.js';

describe('memory for answers', () => {
  it('is used again once it is given back', () => {
    const memory = new AnswerMemory();
    const first = memory.lease();
    const bytes = first.room(200_000);
    expect(bytes).toHaveLength(200_000);
    expect(memory.lease().room(200_000).buffer).not.toBe(bytes.buffer);
    first.giveBack();
    expect(memory.lease().room(100_000).buffer).toBe(bytes.buffer);
  });

  it('is that of one answer also when it is given back twice', () => {
    const memory = new AnswerMemory();
    const lease = memory.lease();
    lease.room(200_000);
    lease.giveBack();
    lease.giveBack();
    expect(memory.lease().room(200_000).buffer).not.toBe(memory.lease().room(200_000).buffer);
  });

  it('is new for little and for much', () => {
    const memory = new AnswerMemory();
    for (const bytes of [100, 16_384, 5_000_000]) {
      const lease = memory.lease();
      const room = lease.room(bytes);
      room.fill(1);
      lease.giveBack();
      memory.lease().room(bytes).fill(2);
      expect(room[0]).toBe(1);
    }
  });

  it('is used again for single messages of any size', () => {
    const memory = new AnswerMemory();
    for (const bytes of [600_000, 1_100_000, 3_000_000, LIMITS.bodyBytes + 50_000]) {
      const lease = memory.lease();
      const { buffer } = lease.room(bytes);
      lease.giveBack();
      expect(memory.lease().room(bytes - 10_000).buffer).toBe(buffer);
    }
  });

  it('is kept for a few of the largest, until such messages stop coming', () => {
    const memory = new AnswerMemory();
    /** Of so many that come back at once, how many are used again. */
    const usedAgain = (count: number): number => {
      const leases = Array.from({ length: count }, () => memory.lease());
      const before = new Set(leases.map((lease) => lease.room(4_000_000).buffer));
      for (const lease of leases) lease.giveBack();
      const again = leases.map((lease) => lease.room(4_000_000).buffer).filter((buffer) => before.has(buffer)).length;
      for (const lease of leases) lease.giveBack();
      return again;
    };
    expect(usedAgain(20)).toBe(8);
    const large = (): ArrayBufferLike => {
      const lease = memory.lease();
      const { buffer } = lease.room(4_000_000);
      lease.giveBack();
      return buffer;
    };
    const others = (count: number): void => {
      for (let n = 0; n < count; n++) memory.lease().room(n * 100);
    };
    const last = large();
    others(999);
    expect(large()).toBe(last);
    others(1_000);
    expect(large()).not.toBe(last);
  });
});

const MESSAGES = 800;
const BODY = 2_000;
const PULLS = 120;

describe('answers over TCP', () => {
  let broker: TestBroker;
  let server: TcpServer;
  let peer: RawPeer;
  /** What every answer passes on its way to the channel. */
  let answering: (respond: Respond) => Respond;

  beforeEach(async () => {
    answering = (respond) => respond;
    // Most of the log is read from the disk.
    broker = await TestBroker.start({}, undefined, { tailBytes: 512 * 1024 });
    const accept = (channel: Channel): void => {
      const { onRequest } = channel;
      channel.onRequest = (handler) =>
        onRequest.call(channel, (request, from, respond) => handler(request, from, answering(respond)));
      broker.broker.accept(channel);
    };
    server = await TcpServer.listen({ onChannel: accept }, systemPlatform().clock, silentLogger);
    const producer = broker.client();
    for (let n = 0; n < MESSAGES; n++) await producer.send('orders', Buffer.alloc(BODY, n), { queueId: n % 2 });
    peer = await RawPeer.connect(server.address);
  });
  afterEach(async () => {
    peer.socket.destroy();
    await server.close();
    await broker.stop();
  });

  /** Many pulls at once of one who reads slowly; gives what is wrong with their answers. */
  async function pulledSlowly(): Promise<string[]> {
    peer.socket.pause();
    for (let opaque = 0; opaque < PULLS; opaque++) {
      const header = pullHeader('readers', 'orders', opaque % 2, (opaque * 3) % (MESSAGES / 2 - 150), {
        maxMsgNums: 200,
        sysFlag: PullSysFlag.SUBSCRIPTION,
        subscription: '*',
      });
      peer.send(
        encodeFrame({ ...createRequest(RequestCode.PULL_MESSAGE, header), opaque }, SERIALIZE_JSON, requestFields),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    peer.socket.resume();
    await until(() => peer.answers.length === PULLS, 'all answers');
    return peer.answers.flatMap(({ opaque, code, body }) => {
      if (code !== ResponseCode.SUCCESS) return [`${opaque}: ${code}`];
      let records: MessageRecord[];
      try {
        records = decodeRecords(body!);
      } catch (error) {
        return [`${opaque}: ${String(error)}`];
      }
      const first = (opaque * 3) % (MESSAGES / 2 - 150);
      return records.every(
        ({ queueId, queueOffset, body: bytes }, at) =>
          queueId === opaque % 2 &&
          queueOffset === first + at &&
          bytes.equals(Buffer.alloc(BODY, queueOffset * 2 + queueId)),
      )
        ? []
        : [`${opaque}: other messages than asked for`];
    });
  }

  it('are whole for who reads them slowly', async () => {
    expect(await pulledSlowly()).toEqual([]);
  });

  it('would be seen to be overwritten if their memory were used again too early', async () => {
    answering = (respond) => (response, sent) => {
      respond(response);
      sent?.();
    };
    expect(await pulledSlowly()).not.toEqual([]);
  });
});

describe('answers of 4 MiB over TCP', () => {
  const SIZES = [4_194_304, 4_194_304, 1_500_000, 4_100_000, 300_000, 4_194_304, 900_000, 4_000_000];
  let broker: TestBroker;
  let server: TcpServer;

  beforeEach(async () => {
    // The last two are in memory, the others are read from the disk.
    broker = await TestBroker.start({}, undefined, { tailBytes: 5_000_000 });
    server = await TcpServer.listen(
      { onChannel: (channel) => broker.broker.accept(channel) },
      systemPlatform().clock,
      silentLogger,
    );
    const producer = broker.client();
    for (const [n, size] of SIZES.entries()) await producer.send('orders', Buffer.alloc(size, n + 1));
  });
  afterEach(async () => {
    await server.close();
    await broker.stop();
  });

  const ask = (peer: RawPeer, opaque: number): void => {
    const header = pullHeader('readers', 'orders', 0, opaque % SIZES.length, {
      maxMsgNums: 1,
      sysFlag: PullSysFlag.SUBSCRIPTION,
      subscription: '*',
    });
    peer.send(
      encodeFrame({ ...createRequest(RequestCode.PULL_MESSAGE, header), opaque }, SERIALIZE_JSON, requestFields),
    );
  };
  const wrong = (peer: RawPeer): number[] =>
    peer.answers
      .filter(({ opaque, body }) => {
        const n = opaque % SIZES.length;
        const records = body === undefined ? [] : decodeRecords(body);
        return records.length !== 1 || !records[0]!.body.equals(Buffer.alloc(SIZES[n]!, n + 1));
      })
      .map(({ opaque }) => opaque);

  it('are whole for several that read at once, one slowly and one that goes away midway', async () => {
    const peers = await Promise.all([1, 2, 3].map(() => RawPeer.connect(server.address)));
    const [slow, leaving, quick] = peers as [RawPeer, RawPeer, RawPeer];
    slow.socket.pause();
    leaving.socket.pause();
    for (let opaque = 0; opaque < 16; opaque++) for (const peer of [slow, leaving]) ask(peer, opaque);
    for (let opaque = 0; opaque < 8; opaque++) ask(quick, opaque);
    await until(() => quick.answers.length === 8, 'the answers to the quick one');
    leaving.socket.destroy();
    for (let opaque = 8; opaque < 32; opaque++) ask(quick, opaque);
    slow.socket.resume();
    await until(() => quick.answers.length === 32 && slow.answers.length === 16, 'all answers');
    expect([...wrong(quick), ...wrong(slow)]).toEqual([]);
    for (const peer of peers) peer.socket.destroy();
  });
});
