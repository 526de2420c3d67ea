import { MessagingError } from '../../protocol/index.js';
import { type MessagingConnectionOptions, type ResolvedConnectionOptions, resolveOptions } from '../options/index.js';
import { describeValue } from '../payload/index.js';
import { MessagingTemplate } from '../template/index.js';
import { withBroker } from './default-broker.js';

/** @publicApi */
export interface MessagingClientOptions extends Omit<MessagingConnectionOptions, 'autoStart' | 'shutdownBudget'> {
  /** Sends through a connection of `MessagingModule` instead of one of its own; then there are no other options. */
  template?: MessagingTemplate;
}

/** A template of the application, or what a connection of one's own is made of. */
export type ResolvedClientOptions = MessagingTemplate | ResolvedConnectionOptions;

export function resolveClientOptions(options: MessagingClientOptions): ResolvedClientOptions {
  const { template, ...rest } = typeof options === 'object' && options !== null ? options : {};
  if (template === undefined) return resolveOptions('client', withBroker(options), 'MessagingClient');
  if (!(template instanceof MessagingTemplate)) {
    throw new MessagingError(
      'CONFIGURATION',
      `MessagingClient: template must be a MessagingTemplate of the application, not ${describeValue(template)}; inject it with ClientsModule.registerAsync`,
    );
  }
  const [more] = Object.keys(rest);
  if (more === undefined) return template;
  throw new MessagingError(
    'CONFIGURATION',
    `MessagingClient: with template the connection is that of MessagingModule, which has the option ${more}; leave it out here`,
  );
}
