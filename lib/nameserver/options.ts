import { MessagingError } from '../protocol/index.js';

export interface NameServerOptions {
  /** Milliseconds after which a broker that does not say otherwise is forgotten, unless it registers again. Default 120,000. */
  readonly brokerExpiryMillis?: number;
  /** Between two looks for such brokers. Default 10,000. */
  readonly scanMillis?: number;
}

const SECOND = 1_000;
const DAY = 86_400_000;

/** What administrators may read, and change while the server runs, by RocketMQ's names. Changes last until it ends. */
export class NameServerConfig {
  /** Whether routes tell what ORDER_TOPIC_CONFIG says. RocketMQ's default is false, and has it set down for nothing. */
  orderMessageEnable = true;
  /** Whether all topics can be listed. */
  enableAllTopicList = true;
  /** Whether a registration with a new version takes away topics that it does not name. */
  deleteTopicWithBrokerRegistration = false;
  brokerExpiryMillis: number;
  scanNotActiveBrokerInterval: number;

  constructor({ brokerExpiryMillis = 120_000, scanMillis = 10_000 }: NameServerOptions) {
    this.brokerExpiryMillis = brokerExpiryMillis;
    this.scanNotActiveBrokerInterval = scanMillis;
  }

  entries(): [string, boolean | number][] {
    return NAMES.map((name) => [name, this[name]]);
  }

  /** All of them or none. @throws MessagingError NO_PERMISSION for what cannot be changed, BAD_ARGUMENT for a senseless value. */
  update(changes: ReadonlyMap<string, string>): void {
    const values = [...changes].map(([name, text]) => [name, parse(name, text)] as const);
    Object.assign(this, Object.fromEntries(values));
  }
}

const NAMES = [
  'orderMessageEnable',
  'enableAllTopicList',
  'deleteTopicWithBrokerRegistration',
  'brokerExpiryMillis',
  'scanNotActiveBrokerInterval',
] as const satisfies readonly (keyof NameServerConfig)[];

function parse(name: string, text: string): boolean | number {
  if (!(NAMES as readonly string[]).includes(name)) {
    throw new MessagingError(
      'NO_PERMISSION',
      `${JSON.stringify(name.slice(0, 80))} cannot be changed while the NameServer runs; ${NAMES.join(', ')} can.`,
    );
  }
  if (name === 'brokerExpiryMillis' || name === 'scanNotActiveBrokerInterval') {
    const number = Number(text);
    if (Number.isInteger(number) && number >= SECOND && number <= DAY) return number;
    throw new MessagingError('BAD_ARGUMENT', `${name} must be a number of milliseconds from ${SECOND} to ${DAY}.`);
  }
  if (text === 'true' || text === 'false') return text === 'true';
  throw new MessagingError('BAD_ARGUMENT', `${name} must be true or false.`);
}
