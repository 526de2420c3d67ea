// What all members of the fleet have in common: who they are, the database, and the words with the supervisor.
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import pg from 'pg';

export interface MemberSettings {
  readonly name: string;
  /** Of several of its role, from 0 on. */
  readonly index: number;
  readonly of: number;
  /** `host:port` of the broker, by the tap. */
  readonly nameServer: string;
  /** Of the database, by the tap. */
  readonly database: string;
  /** What is left out, to see what then goes wrong. */
  readonly without: 'nothing' | 'inbox' | 'outbox';
}

export const member = JSON.parse(process.argv[2]!) as MemberSettings;

export const pool = new pg.Pool({
  connectionString: member.database,
  application_name: member.name,
  max: 6,
  connectionTimeoutMillis: 5_000,
});
// A connection that is cut while nobody uses it: the pool makes another one.
pool.on('error', () => undefined);

// The broker's protocol does not say at once who has connected: the supervisor knows it by the port.
subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket };
  socket.once('connect', () => process.send?.({ port: socket.localPort }));
});

export function ready(): void {
  process.send?.({ ready: true });
}

/** Orphans would go on with a bank that is gone. */
process.on('disconnect', () => process.exit(0));
