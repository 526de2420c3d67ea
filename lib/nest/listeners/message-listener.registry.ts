import { Injectable } from '@nestjs/common';
import type { ConsumeMode, PushConsumer } from '../../client/index.js';
import type { IdempotencyReport } from '../../idempotency/index.js';
import { type HeaderMatch, MessagingError } from '../../protocol/index.js';
import type { ListenerDefinition } from './listener-definition.js';

/** What a listener is and does. @publicApi */
export interface MessageListenerInfo {
  /** `Class.method`, with `#2` and so on behind it when there are several; what `pause` and `resume` take. */
  readonly name: string;
  readonly topic: string;
  /** `*` for all. */
  readonly tag: string;
  readonly selector: string | undefined;
  readonly headers: HeaderMatch | undefined;
  readonly group: string;
  readonly mode: ConsumeMode;
  readonly connection: string;
  readonly started: boolean;
  readonly paused: boolean;
  /** It takes nothing new until then (milliseconds since 1970), because it said so: `PostponeError`. */
  readonly suspended: { readonly until: number; readonly reason: string } | undefined;
  /** What became of its messages in the idempotency store; undefined where it has none. */
  readonly idempotency: IdempotencyReport | undefined;
}

interface Entry {
  readonly definition: ListenerDefinition;
  readonly consumer: PushConsumer;
  readonly idempotency: () => IdempotencyReport | undefined;
  paused: boolean;
}

/** The listeners of the application, to look at and to hold. @publicApi */
@Injectable()
export class MessageListenerRegistry {
  private readonly entries = new Map<string, Entry>();
  private readonly started = new Set<string>();
  private starter: ((connection?: string) => Promise<void>) | undefined;

  list(): MessageListenerInfo[] {
    return [...this.entries.values()].map(({ definition, consumer, paused, idempotency }) => ({
      name: definition.name,
      topic: definition.topic,
      tag: definition.filter.tags.expression,
      selector: definition.filter.spec.selector,
      headers: definition.filter.spec.headers,
      group: definition.group,
      mode: definition.mode,
      connection: definition.connection,
      started: this.started.has(definition.connection),
      paused,
      idempotency: idempotency(),
      suspended: consumer.suspensionOf(definition.name),
    }));
  }

  /** Gives the listener no further messages; those at work finish. Throws BAD_ARGUMENT for an unknown name. */
  pause(name: string): void {
    const entry = this.entry(name);
    entry.paused = true;
    entry.consumer.pause(name);
  }

  /** Throws BAD_ARGUMENT for an unknown name. */
  resume(name: string): void {
    const entry = this.entry(name);
    entry.paused = false;
    entry.consumer.resume(name);
  }

  /** Starts the listeners that `autoStart: false` holds, of one connection or of all. Those that run stay as they are. */
  async start(connection?: string): Promise<void> {
    if (this.starter === undefined) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        'listeners can be started once the application is initialised, not earlier',
      );
    }
    await this.starter(connection);
  }

  /** @internal */
  add(definition: ListenerDefinition, consumer: PushConsumer, idempotency: () => IdempotencyReport | undefined): void {
    this.entries.set(definition.name, { definition, consumer, idempotency, paused: false });
  }

  /** @internal */
  startWith(starter: (connection?: string) => Promise<void>): void {
    this.starter = starter;
  }

  /** @internal */
  markStarted(connection: string, started: boolean): void {
    if (started) this.started.add(connection);
    else this.started.delete(connection);
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    const known = [...this.entries.keys()].join(', ') || 'none';
    throw new MessagingError('BAD_ARGUMENT', `there is no message listener ${name}; known: ${known}`);
  }
}
