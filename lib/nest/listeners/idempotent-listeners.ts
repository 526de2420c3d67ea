import type { NestInterceptor } from '@nestjs/common';
import {
  type DeliveringListener,
  IdempotencyInterceptor,
  isIdempotencyInterceptor,
  MemoryIdempotencyStore,
} from '../../idempotency/index.js';
import { MessagingError } from '../../protocol/index.js';
import { deliveringListener } from '../connection/delivering-listener.js';
import type { MessagingConnection } from '../connection/index.js';
import type { ListenerDefinition } from './listener-definition.js';

/** Which listeners handle each message once, and by which interceptor. */
export class IdempotentListeners {
  /** Stands before all others where `@Idempotent` or the module says so. */
  private readonly interceptor = new IdempotencyInterceptor();
  private readonly hosts = new Map<string, DeliveringListener>();
  private readonly warned = new Set<string>();

  /**
   * Before anything starts.
   * @throws MessagingError CONFIGURATION for what cannot be.
   */
  prepare(listener: ListenerDefinition, connection: MessagingConnection): void {
    const { name, group, delivery, mode, idempotent } = listener;
    const host = deliveringListener(
      { name, group, delivery, options: idempotent, severalMethods: false },
      mode,
      connection,
    );
    this.hosts.set(name, host);
    if (!isIdempotent(host)) return;
    this.interceptor.prepare(host);
    const store = (idempotent || undefined)?.store ?? host.defaults?.store;
    if (store instanceof MemoryIdempotencyStore) this.warnOfMemory(connection);
  }

  hostOf({ name }: ListenerDefinition): DeliveringListener | undefined {
    return this.hosts.get(name);
  }

  /** Puts the interceptor before those of the listener, unless one of its kind is among them. */
  arrange(listener: ListenerDefinition): (interceptors: NestInterceptor[]) => NestInterceptor[] {
    const host = this.hosts.get(listener.name)!;
    return (interceptors) => {
      // That of the decorator stands last, where Nest's own strategies find it.
      const others = interceptors.filter((one) => !isIdempotencyInterceptor(one) || !one.isDecorator);
      const own = others.filter(isIdempotencyInterceptor);
      for (const interceptor of own) interceptor.prepare(host);
      if (own.length > 1) {
        throw new MessagingError(
          'CONFIGURATION',
          `the listener ${host.name} has ${own.length} IdempotencyInterceptors: the second would find every message busy`,
        );
      }
      return own.length > 0 || !isIdempotent(host) ? others : [this.interceptor, ...others];
    };
  }

  private warnOfMemory(connection: MessagingConnection): void {
    if (connection.options.nameServers === undefined || process.env.NODE_ENV !== 'production') return;
    if (this.warned.has(connection.name)) return;
    this.warned.add(connection.name);
    connection.logger.warn(
      'idempotency is kept in the memory of this process (MemoryIdempotencyStore): other instances, and this one after a ' +
        'restart, handle messages again. Use a store that they share, such as RedisIdempotencyStore or SqlInbox',
    );
  }
}

function isIdempotent({ options, defaults, delivery }: DeliveringListener): boolean {
  if (options !== undefined) return options !== false;
  // Nothing comes twice there.
  return defaults?.enabled === true && delivery === 'at-least-once';
}
