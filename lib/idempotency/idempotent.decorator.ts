import 'reflect-metadata';
import { UseInterceptors } from '@nestjs/common';
import { MessagingError } from '../protocol/index.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { checkIdempotent, type IdempotentOptions } from './options.js';

const IDEMPOTENT = 'nestmq:idempotent';

/** For methods with a pattern, which Nest calls; listeners have one before all others instead. */
class DecoratorInterceptor extends IdempotencyInterceptor {
  override readonly isDecorator = true;
}

/**
 * The listener handles each message once: a duplicate is acknowledged without running it. `false` takes a listener out where
 * the module makes all idempotent. On the method of a `@MessageListener`, in any order with it, or on one with a pattern of
 * `nestmq/microservices`, where it runs after the interceptors of the application and of the class.
 *
 * @throws MessagingError CONFIGURATION for options that do not exist or cannot be.
 * @publicApi
 */
export function Idempotent(options: IdempotentOptions | false = {}): MethodDecorator {
  return (target, key, descriptor: PropertyDescriptor | undefined) => {
    const owner = typeof target === 'function' ? target.name : target.constructor.name;
    const where = `@Idempotent on ${owner}.${String(key)}`;
    if (typeof target === 'function' || typeof key !== 'string' || typeof descriptor?.value !== 'function') {
      throw new MessagingError('CONFIGURATION', `${where}: only methods of instances can be idempotent`);
    }
    if (options !== false) checkIdempotent(where, options);
    if (Reflect.hasOwnMetadata(IDEMPOTENT, target, key)) {
      throw new MessagingError('CONFIGURATION', `${where}: it stands there twice; say it once`);
    }
    // On the prototype under the method's name, as the listener itself: a decorator that wraps the method hides neither.
    Reflect.defineMetadata(IDEMPOTENT, options, target, key);
    if (options !== false) UseInterceptors(new DecoratorInterceptor(options))(target, key, descriptor);
  };
}

/** What `@Idempotent` said on this very method; undefined: it does not stand there. */
export function idempotentOf(owner: object, key: string): IdempotentOptions | false | undefined {
  return Reflect.getOwnMetadata(IDEMPOTENT, owner, key) as IdempotentOptions | false | undefined;
}
