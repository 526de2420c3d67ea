import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { createResponse, type RemotingCommand } from '../../lib/protocol/index.js';
import {
  createPortCounters,
  encodeFrame,
  PortChannel,
  requestFields,
  SERIALIZE_JSON,
  TcpServer,
} from '../../lib/remoting/index.js';
import { freeNow } from '../../lib/remoting/spent-memory.js';
import { heartbeat, RawPeer, until } from './support.js';

/** Sends so many requests whose bodies are full of their number, and gives the bodies as the server has seen them. */
async function received(count: number, bytes: number, spent: (opaque: number) => boolean): Promise<Buffer[]> {
  const bodies: Buffer[] = [];
  const server = await TcpServer.listen(
    {
      onChannel: (channel) =>
        channel.onRequest((request: RemotingCommand, _channel, respond) => {
          bodies.push(request.body!);
          if (spent(request.opaque)) request.bodySpent = true;
          respond(createResponse(0, {}));
        }),
    },
    systemPlatform().clock,
    silentLogger,
  );
  const peer = await RawPeer.connect(server.address);
  const frames = Array.from({ length: count }, (_, opaque) =>
    encodeFrame({ ...heartbeat(Buffer.alloc(bytes, opaque)), opaque }, SERIALIZE_JSON, requestFields),
  );
  for (const part of [frames.slice(0, count / 2), frames.slice(count / 2)]) peer.send(Buffer.concat(part));
  await until(() => peer.answers.length === count, 'an answer to each request');
  peer.socket.destroy();
  await server.close();
  return bodies;
}

function intact(bodies: readonly Buffer[], bytes: number, held: (opaque: number) => boolean): boolean {
  return bodies.every((body, opaque) => !held(opaque) || body.equals(Buffer.alloc(bytes, opaque)));
}

describe('memory of what a server has received', () => {
  it('is freed once nothing refers to it', async () => {
    const bodies = await received(200, 2000, () => true);
    expect(bodies.filter(({ length }) => length === 0).length).toBeGreaterThan(100);
  });

  it('stays as long as somebody holds one request of many', async () => {
    for (const bytes of [500, 2000, 90_000, 200_000]) {
      const held = (opaque: number): boolean => opaque % 7 === 3;
      const bodies = await received(40, bytes, (opaque) => !held(opaque));
      expect(intact(bodies, bytes, held)).toBe(true);
    }
  });

  it('is not freed where others have a part in it, nor where it is little', () => {
    const part = Buffer.alloc(100_000, 'a').subarray(0, 50_000);
    const little = Buffer.from('a'.repeat(9000));
    const all = Buffer.alloc(50_000, 'a');
    for (const bytes of [part, little, all]) freeNow(bytes);
    expect([part.length, little.length, all.length]).toEqual([50_000, 9000, 0]);
  });
});

describe('memory that crosses to another thread', () => {
  /** The bodies of requests as the other end has seen them, and those of its answers as they have come back. */
  async function crossed(count: number, bytes: number, spent: (n: number) => boolean): Promise<[Buffer[], Buffer[]]> {
    const { port1, port2 } = new MessageChannel();
    const taken = createPortCounters();
    const { clock } = systemPlatform();
    const client = new PortChannel({ port: port1, taken }, 'connected', clock, silentLogger);
    const server = new PortChannel({ port: port2, taken }, 'accepted', clock, silentLogger);
    const bodies: Buffer[] = [];
    server.onRequest((request, _channel, respond) => {
      const n = bodies.push(request.body!) - 1;
      if (spent(n)) request.bodySpent = true;
      respond(createResponse(0, {}, undefined, Buffer.alloc(bytes, n)));
    });
    const requests = Array.from({ length: count }, (_, n) => client.invoke(heartbeat(Buffer.alloc(bytes, n)), 10_000));
    const answers = (await Promise.all(requests)).map(({ body }) => body!);
    await client.close();
    await server.close();
    return [bodies, answers];
  }

  it('is freed once nothing refers to it', async () => {
    for (const bytes of [60_000, 300_000, 4_000_000]) {
      const [bodies, answers] = await crossed(10, bytes, () => true);
      expect(bodies.map(({ length }) => length)).toEqual(new Array(10).fill(0));
      expect(intact(answers, bytes, () => true)).toBe(true);
    }
  });

  it('stays as long as somebody holds one request of many', async () => {
    const held = (n: number): boolean => n % 7 === 3;
    for (const bytes of [500, 2000, 90_000, 300_000]) {
      const [bodies, answers] = await crossed(40, bytes, (n) => !held(n));
      expect(intact(bodies, bytes, held)).toBe(true);
      expect(intact(answers, bytes, () => true)).toBe(true);
    }
  });
});
