import type { Type } from '@nestjs/common';
import {
  type MessageContext,
  MessageListener,
  type MessageListenerOptions,
  type ReceivedMessage,
} from '../../lib/index.js';
import type { World } from './world.js';

/** One run of a recorder's handler. */
export interface Delivery {
  readonly payload: unknown;
  readonly context: MessageContext;
  readonly message: ReceivedMessage;
  readonly attempt: number;
  /** When the handler was entered, milliseconds since 1970. */
  readonly at: number;
}

type Handle = (payload: unknown, context: MessageContext, delivery: Delivery) => unknown;

/** A listener that remembers what it got. */
export class Recorder {
  readonly deliveries: Delivery[] = [];
  readonly listenerClass: Type;
  /** Read at each delivery, so that a behaviour may change it between two. */
  handle: Handle | undefined;
  private clock: () => number = () => Date.now();

  constructor(options: MessageListenerOptions, handle?: Handle) {
    this.handle = handle;
    const take = (payload: unknown, context: MessageContext): unknown => this.take(payload, context);
    class RecorderListener {
      on(payload: unknown, context: MessageContext): unknown {
        return take(payload, context);
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(RecorderListener.prototype, 'on')!;
    // Without the types that a compiler would leave there, payloads arrive as they were sent.
    Reflect.defineMetadata('design:paramtypes', [Object, Object], RecorderListener.prototype, 'on');
    MessageListener(options)(RecorderListener.prototype, 'on', descriptor);
    this.listenerClass = RecorderListener;
  }

  /** Times of deliveries are the world's. */
  on(world: World): this {
    this.clock = () => world.now();
    return this;
  }

  get payloads(): unknown[] {
    return this.deliveries.map((delivery) => delivery.payload);
  }

  get attempts(): number[] {
    return this.deliveries.map((delivery) => delivery.attempt);
  }

  /** Milliseconds from one delivery to the next. */
  get gaps(): number[] {
    return this.deliveries.slice(1).map((delivery, index) => delivery.at - this.deliveries[index]!.at);
  }

  /** Waits for so many deliveries in all. */
  async got(world: World, count: number, limit?: number): Promise<readonly Delivery[]> {
    await world.until(
      () => this.deliveries.length >= count,
      `${count} deliveries (there are ${this.deliveries.length})`,
      limit,
    );
    return this.deliveries;
  }

  private take(payload: unknown, context: MessageContext): unknown {
    const { message, attempt } = context;
    const delivery: Delivery = { payload, context, message, attempt, at: this.clock() };
    this.deliveries.push(delivery);
    return this.handle?.(payload, context, delivery);
  }
}

export function recorder(options: MessageListenerOptions, handle?: Handle): Recorder {
  return new Recorder(options, handle);
}
