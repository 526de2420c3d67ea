import type { MessagePort } from 'node:worker_threads';
import type { Clock, Logger } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { SERIALIZE_BINARY } from '../frame.js';
import { FramedChannel, READ_AGAIN_BYTES, STOP_READING_BYTES } from '../framed-channel.js';
import { IN_PROCESS_ADDRESS } from '../in-process-channel.js';
import { RemotingCounters } from '../remoting-counters.js';
import { freeNow } from '../spent-memory.js';
import { type Crossing, PortOutbox } from './port-outbox.js';

/** How often an end that has stopped reading looks whether the other one has caught up. */
const LOOK_MILLIS = 2;

/**
 * What both ends of a port need: `port` is handed over to the other thread, `taken` is memory of both in which each end
 * counts the bytes that it has taken, modulo 2^32: [connected, accepted]. A port has no bound of its own.
 */
export interface PortEnd {
  readonly port: MessagePort;
  readonly taken: SharedArrayBuffer;
}

const COUNTERS_BYTES = 8;
/** Without it a port that closes means that the other thread has crashed. */
const GOOD_BYE = null;

export function createPortCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(COUNTERS_BYTES);
}

/** A connection to another thread of this process: frames with binary headers, coalesced per turn of the loop. */
export class PortChannel extends FramedChannel {
  readonly givesBack = true;
  private readonly outbox: PortOutbox;
  private readonly port: MessagePort;
  private readonly taken: Int32Array;
  private readonly own: 0 | 1;
  /** Modulo 2^32. */
  private posted = 0;
  /** What came while reading was stopped. */
  private unread: Crossing[] | undefined;
  /** Nothing refers any more to what was received last. */
  private spent = false;

  constructor({ port, taken }: PortEnd, role: 'accepted' | 'connected', clock: Clock, logger: Logger) {
    const options = { role, serialize: SERIALIZE_BINARY, remoteAddress: IN_PROCESS_ADDRESS } as const;
    super(options, new RemotingCounters(), clock, logger);
    this.port = port;
    this.taken = new Int32Array(taken);
    this.own = role === 'connected' ? 0 : 1;
    this.outbox = new PortOutbox(clock, (crossing, transfer, bytes) => this.post(crossing, transfer, bytes));
    port.on('message', this.onMessage);
    port.on('close', () => this.finish(new Error('the thread at its other end has ended')));
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.outbox.flush();
    this.port.postMessage(GOOD_BYE, []);
    this.finish();
    this.port.close();
  }

  /** Sends at once what waits for the end of the turn. */
  flush(): void {
    this.outbox.flush();
  }

  /** The other thread has ended without closing. */
  lost(cause: Error): void {
    this.finish(cause);
    this.port.close();
  }

  protected get unsentBytes(): number {
    return this.outbox.waitingBytes + ((this.posted - Atomics.load(this.taken, 1 - this.own)) | 0);
  }

  protected put(head: Buffer, body: Buffer | undefined, sent: (() => void) | undefined): void {
    this.outbox.add(head, body);
    sent?.();
  }

  protected limitUnsent(): void {
    if (this.unread !== undefined || this.unsentBytes <= STOP_READING_BYTES) return;
    this.unread = [];
    this.lookLater();
  }

  private post(crossing: Crossing, transfer: ArrayBuffer[], bytes: number): void {
    if (this.isClosed) return;
    this.posted = (this.posted + bytes) | 0;
    this.port.postMessage(crossing, transfer);
  }

  private readonly onMessage = (crossed: Crossing | typeof GOOD_BYE): void => {
    if (crossed === GOOD_BYE) {
      this.finish();
      this.port.close();
    } else if (this.unread !== undefined) {
      this.unread.push(crossed);
    } else {
      this.read(crossed);
    }
  };

  private read(crossed: Crossing): void {
    let bytes = 0;
    try {
      if (typeof crossed === 'string') bytes = this.receiveAll(Buffer.from(crossed, 'latin1'));
      else if (Array.isArray(crossed)) for (const buffer of crossed) bytes += this.receiveMemory(buffer);
      else bytes = this.receiveMemory(crossed);
    } catch (error) {
      this.counters.invalidFrames++;
      const reason = error instanceof Error ? error.message : String(error);
      this.lost(
        new MessagingError('FRAME_INVALID', `What came from the other thread cannot be read. ${reason}`, {
          cause: error,
        }),
      );
    }
    Atomics.add(this.taken, this.own, bytes);
  }

  /** Memory that was handed over: what nobody keeps anything of does not wait for a collection. */
  private receiveMemory(memory: ArrayBuffer): number {
    const bytes = Buffer.from(memory);
    const count = this.receiveAll(bytes);
    if (this.spent) freeNow(bytes);
    return count;
  }

  private receiveAll(bytes: Buffer): number {
    this.spent = true;
    let at = 0;
    while (at + 4 <= bytes.length) {
      const length = bytes.readInt32BE(at);
      if (length === 0) break;
      const start = at;
      at += 4 + length;
      if (!this.receive(bytes, start, at)) this.spent = false;
    }
    return at;
  }

  private lookLater(): void {
    this.clock.after(LOOK_MILLIS, () => {
      if (this.isClosed) return;
      if (this.unsentBytes >= READ_AGAIN_BYTES) return this.lookLater();
      const waiting = this.unread!;
      this.unread = undefined;
      for (const crossed of waiting) this.onMessage(crossed);
    });
  }
}
