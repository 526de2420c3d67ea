import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/platform/index.js';
import { Outbox } from '../../lib/remoting/outbox.js';

/** Keeps the very bytes that it is given, as the kernel does, until it is told that they are sent. */
class SlowSocket {
  readonly destroyed = false;
  readonly written: Buffer[] = [];
  /** Whether the kernel takes at once all that it is given; it is told of later nevertheless. */
  takesAtOnce = false;
  writableLength = 0;
  private readonly waiting: (() => void)[] = [];

  cork(): void {}
  uncork(): void {}

  write(bytes: Buffer, done?: () => void): boolean {
    this.written.push(bytes);
    if (!this.takesAtOnce) this.writableLength += bytes.length;
    if (done !== undefined) this.waiting.push(done);
    return true;
  }

  sent(): void {
    this.writableLength = 0;
    this.waiting.shift()!();
  }
}

describe('what waits to be written to a socket', () => {
  let clock: VirtualClock;
  let socket: SlowSocket;
  let outbox: Outbox;

  beforeEach(() => {
    clock = new VirtualClock();
    socket = new SlowSocket();
    outbox = new Outbox(socket as unknown as Socket, clock, () => {});
  });

  const frame = (byte: number): Buffer => Buffer.alloc(100, byte);

  it('takes the same memory again once everything is sent', async () => {
    for (const byte of [1, 2, 3]) {
      outbox.add(frame(byte), undefined);
      await clock.settle();
      socket.sent();
    }
    expect(new Set(socket.written.map((bytes) => bytes.buffer)).size).toBe(1);
    expect(new Set(socket.written.map((bytes) => bytes.byteOffset)).size).toBe(1);
  });

  it('leaves alone what the socket is still sending', async () => {
    outbox.add(frame(1), undefined);
    await clock.settle();
    outbox.add(frame(2), undefined);
    socket.sent();
    outbox.add(frame(3), undefined);
    outbox.add(frame(4), frame(5));
    socket.sent();
    expect(socket.written).toEqual([frame(1), frame(2), Buffer.concat([frame(3), frame(4), frame(5)])]);
  });

  it('gives memory back that has not been used for a while', async () => {
    const send = async (): Promise<void> => {
      outbox.add(frame(1), undefined);
      await clock.settle();
      socket.sent();
    };
    await send();
    outbox.releaseMemory();
    await send();
    outbox.releaseMemory();
    outbox.releaseMemory();
    await send();
    const [first, second, third] = socket.written.map((bytes) => bytes.buffer);
    expect(second).toBe(first);
    expect(third).not.toBe(second);
  });

  it('leaves in the turn in which it is large enough for a write, and what is behind it as soon as the kernel has taken that', () => {
    const large = Buffer.alloc(300_000, 2);
    outbox.add(frame(1), undefined);
    expect(socket.written).toEqual([]);
    outbox.add(frame(1), large);
    expect(Buffer.concat(socket.written).length).toBeLessThanOrEqual(270_000);
    socket.takesAtOnce = true;
    socket.sent();
    expect(Buffer.concat(socket.written)).toEqual(Buffer.concat([frame(1), frame(1), large]));
    outbox.add(frame(1), large);
    expect(Buffer.concat(socket.written).length).toBe(2 * 300_000 + 3 * 100);
    expect(outbox.unsentBytes).toBe(0);
  });

  it('is told of as sent when its own write is, not with one before it', () => {
    const large = (byte: number): Buffer => Buffer.alloc(262_144, byte);
    const told: number[] = [];
    socket.takesAtOnce = true;
    outbox.add(frame(1), large(1), () => told.push(1));
    outbox.add(frame(2), large(2), () => told.push(2));
    socket.takesAtOnce = false;
    outbox.add(frame(3), large(3), () => told.push(3));
    expect(told).toEqual([]);
    for (const expected of [[1], [1, 2], [1, 2, 3]]) {
      socket.sent();
      expect(told).toEqual(expected);
    }
    expect(outbox.unsentBytes).toBe(0);
  });
});
