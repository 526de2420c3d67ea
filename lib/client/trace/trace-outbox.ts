import type { Platform, Timer } from '../../platform/index.js';
import type { OutgoingMessage } from '../producer/messages.js';
import { Unsettled } from '../producer/unsettled.js';
import { encodeTraceRecord, type TraceRecord } from './trace-record.js';

/** RocketMQ's bounds of one message. */
const MOST_RECORDS = 20;
const MOST_BYTES = 128_000;
/** Of its keys: all properties together have 31 KiB. */
const MOST_KEY_CHARS = 16_384;
/** Records that wait; beyond that they are lost, and the sends and handlers that they are about are not held up. */
const MOST_WAITING = 2048;
const MOST_SENDS = 4;
/** A record waits so long for others to go with. */
const PATIENCE_MILLIS = 500;

/** Sends records, several in one message, behind the back of those that they are about: nothing here rejects or waits. */
export class TraceOutbox {
  private waiting: TraceRecord[] = [];
  private sends = 0;
  private readonly unsettled = new Unsettled();
  private timer: Timer | undefined;
  private closing = false;
  private failing = false;
  /** Records that were not sent. */
  lost = 0;

  constructor(
    private readonly platform: Platform,
    private readonly topic: string,
    private readonly send: (message: OutgoingMessage) => Promise<unknown>,
  ) {}

  add(record: TraceRecord): void {
    if (this.waiting.length >= MOST_WAITING) {
      this.lose(1, 'they come faster than they can be sent; trace a smaller share of the messages');
      return;
    }
    this.waiting.push(record);
    this.goOn();
  }

  /** Sends what waits, within the budget. Never rejects. */
  async close(budgetMillis: number): Promise<void> {
    this.closing = true;
    this.goOn();
    await this.unsettled.none(this.platform.clock, budgetMillis);
    this.timer?.cancel();
    if (this.waiting.length > 0) this.lose(this.waiting.length, 'the time to shut down was over');
    this.waiting = [];
  }

  private goOn(): void {
    const least = this.closing ? 1 : MOST_RECORDS;
    while (this.sends < MOST_SENDS && this.waiting.length >= least) this.sendSome();
    if (this.waiting.length === 0 || this.closing) return;
    this.timer ??= this.platform.clock.after(PATIENCE_MILLIS, () => {
      this.timer = undefined;
      if (this.waiting.length > 0 && this.sends < MOST_SENDS) this.sendSome();
      this.goOn();
    });
  }

  private sendSome(): void {
    const { message, count } = this.take();
    this.sends++;
    this.unsettled.begin();
    this.send(message)
      .then(
        () => {
          this.failing = false;
        },
        (error: Error) => this.lose(count, error.message),
      )
      .finally(() => {
        this.sends--;
        this.goOn();
        this.unsettled.end();
      });
  }

  private take(): { message: OutgoingMessage; count: number } {
    const keys = new Set<string>();
    const texts: string[] = [];
    let bytes = 0;
    let keyChars = 0;
    for (const record of this.waiting) {
      if (texts.length === MOST_RECORDS) break;
      const text = encodeTraceRecord(record);
      const own = keysOf(record);
      const more = own.reduce((sum, key) => sum + key.length + 1, 0);
      const size = Buffer.byteLength(text);
      if (texts.length > 0 && (bytes + size > MOST_BYTES || keyChars + more > MOST_KEY_CHARS)) break;
      texts.push(text);
      bytes += size;
      keyChars += more;
      for (const key of own) keys.add(key);
    }
    this.waiting = this.waiting.slice(texts.length);
    return {
      message: { topic: this.topic, keys: [...keys], body: Buffer.from(texts.join('')), contentType: 'text' },
      count: texts.length,
    };
  }

  /** Told once, until something gets through again. */
  private lose(count: number, why: string): void {
    this.lost += count;
    if (this.failing) return;
    this.failing = true;
    this.platform.logger.warn(
      `The message trace in ${this.topic} is not complete: records are lost (${why}). Sending and handling are not affected.`,
    );
  }
}

/** By what the trace of a message is found. Ids of other producers may be anything. */
function keysOf({ messageId, keys }: TraceRecord): string[] {
  const all = keys.length > MOST_KEY_CHARS / 2 ? [messageId] : [messageId, ...keys.split(' ')];
  return all.filter((key) => key !== '' && key.length <= MOST_KEY_CHARS / 2 && !/\s/.test(key));
}
