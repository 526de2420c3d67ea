import { MessagingError } from '../../protocol/index.js';
import type { MessagingConnection } from './messaging-connection.js';

/** The connections of one application, by name. */
export class MessagingConnections {
  private readonly byName = new Map<string, MessagingConnection>();

  /** Throws CONFIGURATION for a name that is taken, and for a second name on one store or one outbox. */
  add(connection: MessagingConnection): void {
    if (this.byName.has(connection.name)) {
      throw new MessagingError(
        'CONFIGURATION',
        `the messaging connection ${connection.name} is set up twice: call MessagingModule.forRoot once per connection, ` +
          'or give the second one another name (connection: …)',
      );
    }
    const store = connection.storePath;
    const other = store === undefined ? undefined : this.all().find((known) => known.storePath === store);
    if (other !== undefined) {
      throw new MessagingError(
        'CONFIGURATION',
        `the messaging connections ${other.name} and ${connection.name} have the same store ${store}: ` +
          'use one connection, or give one of them another broker.store',
      );
    }
    const outbox = connection.options.outbox?.store;
    const shared = outbox && this.all().find((known) => known.options.outbox?.store.adapter === outbox.adapter);
    if (shared !== undefined) {
      throw new MessagingError(
        'CONFIGURATION',
        `the messaging connections ${shared.name} and ${connection.name} have their outbox in the same database, and the relay of ` +
          'either would send what was written for the other: leave it to one of them, or give them databases (or schemas) of their own',
      );
    }
    this.byName.set(connection.name, connection);
  }

  /** Throws CONFIGURATION for a name that no `forRoot` has set up. */
  get(name: string, wantedBy: string): MessagingConnection {
    const connection = this.byName.get(name);
    if (connection !== undefined) return connection;
    const known = [...this.byName.keys()].join(', ') || 'none';
    throw new MessagingError('CONFIGURATION', `${wantedBy}: there is no messaging connection ${name}; known: ${known}`);
  }

  all(): MessagingConnection[] {
    return [...this.byName.values()];
  }
}
