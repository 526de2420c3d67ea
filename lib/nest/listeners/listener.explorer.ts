import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { idempotentOf } from '../../idempotency/index.js';
import { MessagingError } from '../../protocol/index.js';
import { MessagingConnections } from '../connection/index.js';
import { listenersOf } from '../decorators/index.js';
import { findHostClasses } from '../nest-internals.js';
import { defineListener } from './define-listener.js';
import type { ListenerDefinition } from './listener-definition.js';

/** Finds the listeners of the application. Reads descriptors only, so no getter of the application runs. */
@Injectable()
export class ListenerExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly connections: MessagingConnections,
  ) {}

  explore(): ListenerDefinition[] {
    const found: ListenerDefinition[] = [];
    const names = new Map<string, number>();
    const seen = new Map<object, Set<string>>();
    for (const host of findHostClasses(this.discovery)) {
      // One instance may stand under several tokens; a class without one is made for each message, per provider.
      const visited = seen.get(host.instance ?? host.wrapper) ?? new Set<string>();
      seen.set(host.instance ?? host.wrapper, visited);
      for (const [methodName, owner] of methodsOf(host.prototype)) {
        if (visited.has(methodName)) continue;
        visited.add(methodName);
        const listeners = listenersOf(owner, methodName);
        const idempotent = idempotentOf(owner, methodName);
        if (idempotent !== undefined && listeners.length === 0) refuseWithoutListener(host.name, owner, methodName);
        const namesOf = (connection: string, wantedBy: string) => this.connections.get(connection, wantedBy).options;
        for (const options of listeners) {
          const defined = defineListener(host, methodName, options, namesOf, idempotent);
          const count = (names.get(defined.name) ?? 0) + 1;
          names.set(defined.name, count);
          found.push(count === 1 ? defined : { ...defined, name: `${defined.name}#${count}` });
        }
      }
    }
    return found;
  }
}

/** Nest's mark on methods with a pattern, whose messages come through `nestmq/microservices`. */
const PATTERN_METADATA = 'microservices:pattern';

function refuseWithoutListener(className: string, owner: object, methodName: string): void {
  const method = Object.getOwnPropertyDescriptor(owner, methodName)?.value as object;
  if (Reflect.hasMetadata(PATTERN_METADATA, method)) return;
  throw new MessagingError(
    'CONFIGURATION',
    `@Idempotent on ${className}.${methodName}: no @MessageListener stands there, so nothing would be handled once`,
  );
}

/** The methods that an instance has, each with the prototype that it comes from. */
function* methodsOf(prototype: object): Generator<[name: string, owner: object]> {
  const visited = new Set<string>(['constructor']);
  let at: object | null = prototype;
  for (; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (visited.has(name)) continue;
      visited.add(name);
      if (typeof Object.getOwnPropertyDescriptor(at, name)?.value === 'function') yield [name, at];
    }
  }
}
