import {
  createResponse,
  decodeConfigText,
  encodeConfigText,
  LIMITS,
  MessagingError,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import { success } from '../answers.js';
import type { ResolvedBrokerOptions } from '../options.js';
import type { AdminParts, Handlers } from './parts.js';

/** A setting that can change while the broker runs. Everyone who needs it reads it anew each time. */
interface Adjustable {
  readonly read: (options: ResolvedBrokerOptions) => string;
  /** What puts the value in place; throws BAD_ARGUMENT for one that cannot be. */
  readonly prepare: (value: string) => (options: Changing) => void;
}

/** The same options; nobody else may write to them. */
type Changing = {
  -readonly [K in 'autoCreateTopics' | 'defaultQueues' | 'maxTopics']: ResolvedBrokerOptions[K];
} & { transactions: { -readonly [K in keyof ResolvedBrokerOptions['transactions']]: number } };

const MOST_QUEUES = 1_024;

/** By RocketMQ's names. What is not in this list cannot be changed over the network, whoever asks. */
const ADJUSTABLE: ReadonlyMap<string, Adjustable> = new Map<string, Adjustable>([
  [
    'autoCreateTopicEnable',
    {
      read: ({ autoCreateTopics }) => String(autoCreateTopics),
      prepare: (value) => {
        const on = flag('autoCreateTopicEnable', value);
        return (options) => void (options.autoCreateTopics = on);
      },
    },
  ],
  ['defaultTopicQueueNums', whole('defaultQueues', 'defaultTopicQueueNums', MOST_QUEUES)],
  ['maxTopics', whole('maxTopics', 'maxTopics', 10_000_000)],
  ['transactionTimeOut', transaction('timeoutMillis', 'transactionTimeOut')],
  ['transactionCheckInterval', transaction('checkIntervalMillis', 'transactionCheckInterval')],
  ['transactionCheckMax', transaction('checkMax', 'transactionCheckMax')],
]);

/** GET_BROKER_CONFIG, UPDATE_BROKER_CONFIG. A change holds until the broker stops. */
export class SettingsProcessor {
  private changes = 0;
  private changedAt: number;

  constructor(private readonly parts: AdminParts) {
    this.changedAt = parts.platform.clock.now();
  }

  get handlers(): Handlers {
    return [
      [RequestCode.GET_BROKER_CONFIG, this.show],
      [RequestCode.UPDATE_BROKER_CONFIG, this.change],
    ];
  }

  private readonly show = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const version = { counter: this.changes, stateVersion: 0, timestamp: this.changedAt };
    const header = { version: JSON.stringify(version) };
    respond(createResponse(ResponseCode.SUCCESS, header, undefined, encodeConfigText(this.settings())));
  };

  private readonly change = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const wanted = decodeConfigText(request.body ?? Buffer.alloc(0));
    // All or none.
    const steps = [...wanted].map(([name, value]) => adjustable(name).prepare(value));
    for (const step of steps) step(this.parts.options as Changing);
    if (wanted.has('autoCreateTopicEnable') || wanted.has('defaultTopicQueueNums')) this.parts.topics.templateChanged();
    this.changes++;
    this.changedAt = this.parts.platform.clock.now();
    const list = [...wanted].map(([name, value]) => `${name}=${value}`).join(', ');
    this.parts.platform.logger.log(`${channel.remoteAddress} has changed settings until the broker stops: ${list}`);
    respond(success());
  };

  /** No path and no secret: this may be read by whoever may read settings. */
  private settings(): Map<string, string> {
    const { options, store } = this.parts;
    const colon = options.address.lastIndexOf(':');
    const settings = new Map<string, string>([
      ['brokerName', options.name],
      ['brokerClusterName', options.cluster],
      ['brokerId', '0'],
      ['brokerRole', 'ASYNC_MASTER'],
      ['brokerIP1', options.address.slice(0, colon)],
      ['listenPort', options.address.slice(colon + 1)],
      ['flushDiskType', store.flush === 'sync' ? 'SYNC_FLUSH' : 'ASYNC_FLUSH'],
      ['maxMessageSize', String(LIMITS.bodyBytes)],
      ['messageIndexEnable', String(store.index !== undefined)],
      ['enablePropertyFilter', String(options.sqlFilters)],
      ['autoCreateSubscriptionGroup', 'true'],
      ['longPollingEnable', 'true'],
    ]);
    for (const [name, { read }] of ADJUSTABLE) settings.set(name, read(options));
    return settings;
  }
}

function adjustable(name: string): Adjustable {
  const found = ADJUSTABLE.get(name);
  if (found !== undefined) return found;
  throw new MessagingError(
    'NO_PERMISSION',
    `The setting ${JSON.stringify(name.slice(0, 80))} cannot be changed over the network; those are ${[...ADJUSTABLE.keys()].join(', ')}. Change others where the broker starts.`,
  );
}

function flag(name: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new MessagingError('BAD_ARGUMENT', `The setting ${name} must be true or false, not ${shown(value)}.`);
}

function number(name: string, value: string, most: number): number {
  const parsed = Number(value);
  if (/^\d{1,15}$/.test(value) && parsed >= 1 && parsed <= most) return parsed;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `The setting ${name} must be a whole number from 1 to ${most}, not ${shown(value)}.`,
  );
}

function whole(option: 'defaultQueues' | 'maxTopics', name: string, most: number): Adjustable {
  return {
    read: (options) => String(options[option]),
    prepare: (value) => {
      const parsed = number(name, value, most);
      return (options) => void (options[option] = parsed);
    },
  };
}

function transaction(option: 'timeoutMillis' | 'checkIntervalMillis' | 'checkMax', name: string): Adjustable {
  return {
    read: ({ transactions }) => String(transactions[option]),
    prepare: (value) => {
      const parsed = number(name, value, 1_000_000_000);
      return ({ transactions }) => void (transactions[option] = parsed);
    },
  };
}

function shown(value: string): string {
  return JSON.stringify(value.slice(0, 40));
}
