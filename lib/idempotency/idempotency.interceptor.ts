import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
} from '@nestjs/common';
import { from, lastValueFrom, type Observable, toArray } from 'rxjs';
import { MessagingError } from '../protocol/index.js';
import { type DeliveringListener, deliveryOf, type IdempotentDelivery } from './delivery.js';
import { IdempotentListener } from './idempotent-listener.js';
import { LeasedCalls } from './leased-calls.js';
import { checkIdempotent, type IdempotentOptions, isTransactional, resolveIdempotency } from './options.js';
import { TransactedCalls } from './transacted-calls.js';

/** A provider with this token gives options to interceptors that Nest makes. */
export const IDEMPOTENT_OPTIONS = 'nestmq:idempotent-options';
/** Marks it also when two copies of this package are in one process. */
const MARK = Symbol.for('nestmq.IdempotencyInterceptor');

type Calls = LeasedCalls | TransactedCalls;

/**
 * Lets each message reach its handler once. `@Idempotent` and the module's default put it before all other interceptors of
 * a listener; where `@UseInterceptors` names it, as a class or as an instance with options, it stands where it is named. What
 * is no message of ours (an HTTP request) passes through.
 *
 * @publicApi
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  readonly [MARK] = true;
  /** Undefined: nothing is done for it. */
  private readonly calls = new WeakMap<DeliveringListener, { readonly calls: Calls | undefined }>();
  /** Of listeners whose messages go to several methods: one listener for each. */
  private readonly ofMethods = new WeakMap<DeliveringListener, Map<string, DeliveringListener>>();
  /** Whether `@Idempotent` has put it there. */
  readonly isDecorator: boolean = false;

  /**
   * @param options Come before those of the module, and after those of `@Idempotent`.
   * @throws MessagingError CONFIGURATION for options that do not exist or cannot be.
   */
  constructor(@Optional() @Inject(IDEMPOTENT_OPTIONS) private readonly options: IdempotentOptions = {}) {
    checkIdempotent('IdempotencyInterceptor', options);
  }

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const delivery = deliveryOf(context.getArgByIndex(1));
    if (delivery === undefined || delivery.isTaken) return next.handle();
    const { listener } = delivery;
    const calls = this.callsOf(listener.severalMethods ? this.ofMethod(listener, context) : listener);
    if (calls === undefined) return next.handle();
    delivery.isTaken = true;
    const work = delivery.several ? () => lastValueFrom(next.handle().pipe(toArray())) : () => lastOf(next);
    return from(await run(calls, delivery, work));
  }

  /**
   * At boot, so that what cannot be is said then.
   * @throws MessagingError CONFIGURATION.
   */
  prepare(listener: DeliveringListener): void {
    this.callsOf(listener);
  }

  private ofMethod(listener: DeliveringListener, context: ExecutionContext): DeliveringListener {
    const method = `${context.getClass().name}.${context.getHandler().name}`;
    let methods = this.ofMethods.get(listener);
    if (methods === undefined) this.ofMethods.set(listener, (methods = new Map()));
    let own = methods.get(method);
    if (own === undefined) {
      const { name, instance } = listener;
      own = {
        ...listener,
        name: `${name} (${method})`,
        instance: instance === undefined ? method : `${instance}/${method}`,
      };
      methods.set(method, own);
    }
    return own;
  }

  private callsOf(listener: DeliveringListener): Calls | undefined {
    let known = this.calls.get(listener);
    if (known === undefined) {
      known = { calls: this.callsFor(listener) };
      this.calls.set(listener, known);
    }
    return known.calls;
  }

  private callsFor(listener: DeliveringListener): Calls | undefined {
    if (listener.options === false) return undefined;
    if (listener.delivery === 'at-most-once') {
      throw new MessagingError(
        'CONFIGURATION',
        `@Idempotent on ${listener.name}: with delivery at-most-once no message comes twice, and one that fails must not be ` +
          'released for another attempt; leave one of the two out',
      );
    }
    const own = { ...this.options, ...withoutUndefined(listener.options) };
    const { enabled: _, ...defaults } = listener.defaults ?? {};
    const options = resolveIdempotency(`@Idempotent on ${listener.name}`, own, defaults);
    const idempotent = new IdempotentListener(options, listener);
    const { store } = options;
    listener.uses?.(store);
    return isTransactional(store) ? new TransactedCalls(store, idempotent) : new LeasedCalls(store, idempotent);
  }
}

export function isIdempotencyInterceptor(interceptor: unknown): interceptor is IdempotencyInterceptor {
  return typeof interceptor === 'object' && interceptor !== null && MARK in interceptor;
}

async function run(calls: Calls, delivery: IdempotentDelivery, work: () => Promise<unknown[]>) {
  try {
    return await calls.run(delivery, work);
  } finally {
    delivery.end();
  }
}

/** An array, so that nothing and undefined are told apart from nothing at all. */
async function lastOf(next: CallHandler): Promise<unknown[]> {
  return [await lastValueFrom(next.handle(), { defaultValue: undefined })];
}

function withoutUndefined(options: IdempotentOptions = {}): IdempotentOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
