import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { checkGroup, LIMITS, MessagingError } from '../../protocol/index.js';
import { MessagingConnections } from '../connection/index.js';
import { type HostClass, findHostClasses } from '../nest-internals.js';
import { checkOptions, nameRule } from '../options/index.js';
import { type LocalTransaction, transactionOf } from './transaction-listener.decorator.js';

/** One local transaction of the application. */
export interface TransactionDefinition {
  readonly connection: string;
  readonly name: string;
  /** The producer group. */
  readonly group: string;
  readonly listener: LocalTransaction;
}

/** Finds the classes with `@TransactionListener`. */
@Injectable()
export class TransactionExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly connections: MessagingConnections,
  ) {}

  /** @throws MessagingError CONFIGURATION naming the class. */
  explore(): TransactionDefinition[] {
    const found = new Map<string, TransactionDefinition & { readonly host: HostClass }>();
    const seen = new Set<object>();
    for (const host of findHostClasses(this.discovery)) {
      const target = Object.getOwnPropertyDescriptor(host.prototype, 'constructor')?.value as object | undefined;
      const metadata = target === undefined ? undefined : transactionOf(target);
      if (metadata === undefined || seen.has(host.instance ?? host.wrapper)) continue;
      seen.add(host.instance ?? host.wrapper);
      const where = `@TransactionListener on ${host.name}`;
      const { name, connection = 'default', ...more } = metadata;
      checkOptions(where, { name, connection, ...more }, { name: nameRule, connection: nameRule });
      const { application, namespace } = this.connections.get(connection, where).options;
      const listener = implementationOf(host, where);
      const key = `${connection} ${name}`;
      const other = found.get(key);
      if (other !== undefined) {
        throw new MessagingError(
          'CONFIGURATION',
          `${where} and on ${other.host.name} (${other.host.moduleName}): the transaction ${name} has two listeners; rename one of them`,
        );
      }
      found.set(key, { connection, name, group: groupOf(application, name, namespace, where), listener, host });
    }
    return [...found.values()];
  }
}

function implementationOf(host: HostClass, where: string): LocalTransaction {
  const { instance } = host;
  if (instance === undefined) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: a broker's check belongs to no request, so the class cannot be request-scoped or transient`,
    );
  }
  for (const method of ['execute', 'check'] as const) {
    if (typeof (instance as Partial<LocalTransaction>)[method] === 'function') continue;
    throw new MessagingError('CONFIGURATION', `${where}: the class must have the method ${method}`);
  }
  return instance as LocalTransaction;
}

function groupOf(application: string, name: string, namespace: string | undefined, where: string): string {
  const group = `${application}-${name}`;
  try {
    checkGroup(group, namespace);
  } catch (cause) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: the producer group ${group} must have at most ${LIMITS.groupBytes} letters, digits, _ or -, with its namespace; rename the transaction`,
      { cause },
    );
  }
  return group;
}
