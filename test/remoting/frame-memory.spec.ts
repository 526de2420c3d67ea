import { describe, expect, it } from '@jest/globals';
import { silentLogger, systemPlatform, VirtualClock } from '../../lib/platform/index.js';
import { createResponse, type RemotingCommand } from '../../lib/protocol/index.js';
import {
  decodeFrame,
  encodeFrame,
  FrameParser,
  requestFields,
  SERIALIZE_JSON,
  TcpServer,
} from '../../lib/remoting/index.js';
import { FrameMemory } from '../../lib/remoting/frame-memory.js';
import { heartbeat, RawPeer, until } from './support.js';

const MIB = 1024 * 1024;
/** As much as a read of the socket brings. */
const CHUNK = 65_536;

function frameOf(bytes: number, opaque: number): Buffer {
  return encodeFrame({ ...heartbeat(Buffer.alloc(bytes, opaque)), opaque }, SERIALIZE_JSON, requestFields);
}

describe('memory for large frames', () => {
  it('is used again once it is given back', () => {
    const memory = new FrameMemory(new VirtualClock());
    const piece = memory.take(4 * MIB)!;
    expect(piece.length).toBeGreaterThanOrEqual(4 * MIB + 65_536);
    expect(memory.take(4 * MIB)!.buffer).not.toBe(piece.buffer);
    memory.put(piece);
    expect(memory.take(3 * MIB)!.buffer).toBe(piece.buffer);
  });

  it('is for messages alone: not for small frames, nor for the largest that the protocol knows', () => {
    const memory = new FrameMemory(new VirtualClock());
    expect([100, 2 * MIB, 5 * MIB, 16 * MIB].map((bytes) => memory.take(bytes))).toEqual(new Array(4).fill(undefined));
    memory.put(Buffer.alloc(5 * MIB));
    expect(memory.spareBytes).toBe(0);
  });

  it('keeps a few pieces, however many come back', () => {
    const memory = new FrameMemory(new VirtualClock());
    const pieces = Array.from({ length: 20 }, () => memory.take(4 * MIB)!);
    for (const piece of pieces) memory.put(piece);
    expect(memory.spareBytes).toBeLessThanOrEqual(20 * MIB);
    expect(memory.spareBytes).toBeGreaterThan(0);
  });

  it('is given back when large frames stop coming', async () => {
    const clock = new VirtualClock();
    const memory = new FrameMemory(clock);
    for (let second = 0; second < 30; second++) {
      memory.put(memory.take(4 * MIB)!);
      await clock.advance(1_000);
      memory.release();
      expect(memory.spareBytes).toBeGreaterThan(0);
    }
    await clock.advance(10_000);
    memory.release();
    expect(memory.spareBytes).toBe(0);
  });
});

describe('large frames that come in pieces', () => {
  const setup = (spent: (opaque: number) => boolean = () => true) => {
    const memory = new FrameMemory(new VirtualClock());
    const bodies: Buffer[] = [];
    const stream = (): FrameParser => {
      const parser: FrameParser = new FrameParser((bytes, start, end) => {
        const { body, opaque } = decodeFrame(bytes, start, end);
        bodies.push(body!);
        if (spent(opaque)) parser.letGo();
      }, memory);
      return parser;
    };
    return { memory, bodies, stream };
  };
  /** Pushes parts of the frames in turn, one of each stream, as if all came at once. */
  const push = (streams: readonly FrameParser[], frames: readonly Buffer[]): void => {
    const longest = Math.max(...frames.map(({ length }) => length));
    for (let at = 0; at < longest; at += CHUNK)
      for (const [index, stream] of streams.entries()) {
        const part = frames[index]!.subarray(at, at + CHUNK);
        if (part.length > 0) stream.push(Buffer.from(part));
      }
  };
  const whole = (body: Buffer, opaque: number): boolean => body.equals(Buffer.alloc(body.length, opaque));

  it('share memory, also those of different streams one after the other', () => {
    const { bodies, stream } = setup();
    const streams = [stream(), stream()];
    for (let opaque = 0; opaque < 10; opaque++)
      push([streams[opaque % 2]!], [frameOf(4 * MIB - opaque * 1000, opaque)]);
    expect(bodies).toHaveLength(10);
    expect(new Set(bodies.map(({ buffer }) => buffer)).size).toBe(1);
  });

  it('are each whole where many come at once, of which a bounded number is kept', () => {
    const { memory, bodies, stream } = setup(() => false);
    push(
      Array.from({ length: 12 }, stream),
      Array.from({ length: 12 }, (_, opaque) => frameOf(4 * MIB, opaque)),
    );
    expect(bodies.every((body) => whole(body, body[0]!))).toBe(true);
    expect(new Set(bodies.map((body) => body[0]!)).size).toBe(12);
    expect(memory.spareBytes).toBe(0);
    const letting = setup();
    push(
      Array.from({ length: 12 }, letting.stream),
      Array.from({ length: 12 }, (_, n) => frameOf(4 * MIB, n)),
    );
    expect(new Set(letting.bodies.map(({ buffer }) => buffer)).size).toBe(12);
    expect(letting.memory.spareBytes).toBeLessThanOrEqual(20 * MIB);
  });

  it('are never written over while somebody holds them', () => {
    const held = new Set([1, 4, 5]);
    const { bodies, stream } = setup((opaque) => !held.has(opaque));
    const one = stream();
    for (let opaque = 0; opaque < 10; opaque++) push([one], [frameOf(4 * MIB, opaque)]);
    for (const opaque of held) expect(whole(bodies[opaque]!, opaque)).toBe(true);
    expect(new Set(bodies.map(({ buffer }) => buffer)).size).toBe(held.size + 1);
  });

  it('give their memory to others when their stream ends midway', () => {
    const { memory, bodies, stream } = setup();
    const broken = stream();
    push([broken], [frameOf(4 * MIB, 1).subarray(0, 3 * MIB)]);
    expect(memory.spareBytes).toBe(0);
    broken.end();
    expect(memory.spareBytes).toBeGreaterThan(4 * MIB);
    broken.end();
    const next = [stream(), stream()];
    push(next, [frameOf(4 * MIB, 2), frameOf(4 * MIB, 3)]);
    expect(new Set(bodies.map(({ buffer }) => buffer)).size).toBe(2);
    expect(bodies.map((body) => body[0])).toEqual([2, 3]);
    expect(bodies.every((body) => whole(body, body[0]!))).toBe(true);
  });

  it('take none of it while they are only announced', () => {
    const { memory, stream } = setup();
    push([stream()], [frameOf(4 * MIB, 0)]);
    const kept = memory.spareBytes;
    expect(kept).toBeGreaterThan(0);
    const streams = Array.from({ length: 20 }, stream);
    push(
      streams,
      Array.from({ length: 20 }, (_, opaque) => frameOf(4 * MIB, opaque).subarray(0, 2 * CHUNK)),
    );
    expect(memory.spareBytes).toBe(kept);
  });
});

describe('large requests to a server', () => {
  it('are whole, and use the memory of one whose connection ended midway', async () => {
    const bodies: { whole: boolean; buffer: ArrayBufferLike }[] = [];
    const server = await TcpServer.listen(
      {
        onChannel: (channel) =>
          channel.onRequest((request: RemotingCommand, _channel, respond) => {
            const body = request.body!;
            bodies.push({ whole: body.equals(Buffer.alloc(4 * MIB, request.opaque)), buffer: body.buffer });
            request.bodySpent = true;
            respond(createResponse(0, {}));
          }),
      },
      systemPlatform().clock,
      silentLogger,
    );
    const [first, second] = await Promise.all([RawPeer.connect(server.address), RawPeer.connect(server.address)]);
    for (let opaque = 0; opaque < 4; opaque++) first.send(frameOf(4 * MIB, opaque));
    await until(() => first.answers.length === 4, 'four answers');
    const used = new Set(bodies.map(({ buffer }) => buffer)).size;
    first.send(frameOf(4 * MIB, 9).subarray(0, 3 * MIB));
    await until(() => first.socket.writableLength === 0, 'most of a frame to be sent');
    first.socket.end();
    await until(() => first.closed, 'the connection to end');
    for (let opaque = 10; opaque < 14; opaque++) second.send(frameOf(4 * MIB, opaque));
    await until(() => second.answers.length === 4, 'four more answers');
    expect(bodies).toHaveLength(8);
    expect(bodies.every(({ whole }) => whole)).toBe(true);
    expect(used).toBe(1);
    expect(new Set(bodies.map(({ buffer }) => buffer)).size).toBe(1);
    second.socket.destroy();
    await server.close();
  });
});
