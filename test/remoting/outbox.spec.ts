import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/platform/index.js';
import { Outbox } from '../../lib/remoting/outbox.js';

/** Keeps the very bytes that it is given, as the kernel does, until it is told that they are sent. */
class SlowSocket {
  readonly destroyed = false;
  readonly written: Buffer[] = [];
  private readonly waiting: (() => void)[] = [];

  cork(): void {}
  uncork(): void {}

  write(bytes: Buffer, done?: () => void): boolean {
    this.written.push(bytes);
    if (done !== undefined) this.waiting.push(done);
    return true;
  }

  sent(): void {
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
});
