import {
  checkOptions,
  type MessagingConnectionOptions,
  type ResolvedConnectionOptions,
  resolveOptions,
  rule,
} from '../options/index.js';
import { withBroker } from './default-broker.js';

/** @publicApi */
export interface MessagingServerOptions extends MessagingConnectionOptions {
  /** The group of handlers that name none. Default: the application's name. */
  group?: string;
  /** What handlers are pinned to that this server calls alone. Default: `MESSAGING_TRANSPORT`. */
  transportId?: symbol;
}

export interface ResolvedServerOptions {
  readonly group: string | undefined;
  readonly transportId: symbol | undefined;
  readonly autoStart: boolean;
  readonly own: ResolvedConnectionOptions;
}

const SERVER_RULES = {
  group: rule.text,
  transportId: { what: 'a symbol', accepts: (value: unknown) => typeof value === 'symbol' },
};

export function resolveServerOptions(options: MessagingServerOptions): ResolvedServerOptions {
  checkOptions('MessagingServer', options, SERVER_RULES, 'some');
  const { group, transportId, ...rest } = options;
  const own = resolveOptions('microservice', withBroker(rest), 'MessagingServer');
  return { group, transportId, autoStart: own.autoStart, own };
}
