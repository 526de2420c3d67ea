import { MessagingError } from '../../protocol/index.js';
import {
  checkOptions,
  type MessagingConnectionOptions,
  nameRule,
  type ResolvedConnectionOptions,
  resolveOptions,
  rule,
} from '../options/index.js';
import { withBroker } from './default-broker.js';

/** @publicApi */
export interface MessagingServerOptions extends MessagingConnectionOptions {
  /** The connection of `MessagingModule` to consume with, instead of one of its own. */
  connection?: string;
  /** The group of handlers that name none. Default: the application's name. */
  group?: string;
  /** What handlers are pinned to that this server calls alone. Default: `MESSAGING_TRANSPORT`. */
  transportId?: symbol;
}

export interface ResolvedServerOptions {
  readonly connection: string | undefined;
  readonly group: string | undefined;
  readonly transportId: symbol | undefined;
  readonly autoStart: boolean;
  /** Where the broker is was said: `nameServer` or `broker`. */
  readonly placed: 'elsewhere' | 'inside' | undefined;
  /** A connection of its own. */
  readonly own: ResolvedConnectionOptions;
  /** What was said that only a connection of its own can have; `broker.store` is not among it. */
  readonly ofOwn: readonly string[];
}

const SERVER_RULES = {
  connection: nameRule,
  group: rule.text,
  transportId: { what: 'a symbol', accepts: (value: unknown) => typeof value === 'symbol' },
};

export function resolveServerOptions(options: MessagingServerOptions): ResolvedServerOptions {
  checkOptions('MessagingServer', options, SERVER_RULES, 'some');
  const { connection, group, transportId, ...rest } = options;
  const own = resolveOptions('microservice', withBroker(rest), 'MessagingServer');
  const { nameServer, broker } = rest;
  const placed = nameServer !== undefined ? 'elsewhere' : broker === undefined ? undefined : 'inside';
  const said = Object.entries(rest).filter(([name, value]) => value !== undefined && name !== 'autoStart');
  const settings = Object.entries(broker ?? {}).filter(([name, value]) => value !== undefined && name !== 'store');
  const ofOwn = [
    ...said.map(([name]) => name).filter((name) => name !== 'broker'),
    ...settings.map(([name]) => `broker.${name}`),
  ];
  if (connection !== undefined) {
    refuseForShared(connection, broker === undefined ? ofOwn : ['broker', ...ofOwn]);
  }
  return { connection, group, transportId, autoStart: own.autoStart, placed, own, ofOwn };
}

/** Throws CONFIGURATION for options that would be read by nobody. */
export function refuseForShared(connection: string, ofOwn: readonly string[]): void {
  if (ofOwn.length === 0) return;
  throw new MessagingError(
    'CONFIGURATION',
    `MessagingServer: it consumes with the connection ${connection} of MessagingModule, and ${ofOwn.join(', ')} would do nothing: ` +
      'say it in MessagingModule.forRoot',
  );
}
