import { getProperty } from '../../protocol/index.js';
import type { Delivery } from '../consumer/process-queue.js';
import { ReceivedMessage } from '../consumer/received-message.js';
import type { KeyOrderOption } from '../options.js';

const SHARDING_KEY = '__SHARDINGKEY';

/**
 * Lets the messages of a key into their handlers one after the other, in the order in which they were fetched; different
 * keys go on side by side. Those that wait stay unsettled in their queues, whose limits bound what can be here.
 */
export class KeyOrder {
  /** By key that has a message at work: those behind it. */
  private readonly lines = new Map<string, Delivery[]>();
  private readonly keys = new Map<Delivery, string>();
  /** Their turn has come. */
  private readonly ready: Delivery[] = [];
  private readonly failures = new Map<Delivery, unknown>();

  constructor(private readonly option: KeyOrderOption) {}

  /** Whether nobody's turn has come. */
  get empty(): boolean {
    return this.ready.length === 0;
  }

  /** The next message that may begin, from those whose turn has come or from `fetched`. */
  take(fetched: () => Delivery | undefined): Delivery | undefined {
    for (let next = this.ready.shift(); next !== undefined; next = this.ready.shift()) {
      if (!next.queue.draining) return next;
      this.leave(next);
    }
    for (;;) {
      const next = fetched();
      if (next === undefined) return undefined;
      const key = this.keyOf(next);
      if (key === undefined) return next;
      const line = this.lines.get(key);
      if (line === undefined) {
        this.lines.set(key, []);
        this.keys.set(next, key);
        return next;
      }
      line.push(next);
    }
  }

  /** Its handler has ended: the next of its key may begin. */
  leave(delivery: Delivery): void {
    const key = this.keys.get(delivery);
    if (key === undefined) return;
    this.keys.delete(delivery);
    const line = this.lines.get(key)!;
    let next = line.shift();
    // Those of a queue that was taken away are another member's now.
    while (next?.queue.draining === true) next = line.shift();
    if (next === undefined) this.lines.delete(key);
    else {
      this.keys.set(next, key);
      this.ready.push(next);
    }
  }

  /** What the application's function threw for this message, once. */
  failureOf(delivery: Delivery): { readonly error: unknown } | undefined {
    if (!this.failures.has(delivery)) return undefined;
    const error = this.failures.get(delivery);
    this.failures.delete(delivery);
    return { error };
  }

  private keyOf(delivery: Delivery): string | undefined {
    const { option } = this;
    if (option === true) return getProperty(delivery.properties, SHARDING_KEY);
    try {
      const key: unknown = option(new ReceivedMessage(delivery.record, delivery));
      if (key === undefined || typeof key === 'string') return key;
      throw new TypeError(`keyOrder must give a text or undefined, not ${typeof key}`);
    } catch (error) {
      this.failures.set(delivery, error);
      return undefined;
    }
  }
}
