import {
  APACHE_TIMER_MAX_MILLIS,
  createRequest,
  MessagingError,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import type { BrokerCalls, Greeting } from './broker-calls.js';

/** Brokers by what they can do. */
export type BrokerKind = 'ours' | 'apache5' | 'apache4';

/** MQVersion of 5.0.0; older brokers have no timers. */
const FIRST_OF_5 = 413;

/** What one broker can do, as far as this client has to know. */
export interface BrokerProfile {
  readonly kind: BrokerKind;
  /** The longest delay to the second or finer, in milliseconds; 0: levels only. */
  readonly longestTimer: number;
  /** Timers fire on multiples of this, in milliseconds, the one before their time. */
  readonly timerPrecision: number;
  /** Whether it filters by SQL92. Unknown when the broker does not say. */
  readonly sqlFilters: boolean | undefined;
}

const OURS: BrokerProfile = {
  kind: 'ours',
  longestTimer: Number.POSITIVE_INFINITY,
  timerPrecision: 1,
  sqlFilters: undefined,
};
const APACHE_4: BrokerProfile = { kind: 'apache4', longestTimer: 0, timerPrecision: 1, sqlFilters: undefined };

/** Of a broker that does not tell its settings. */
const APACHE_TIMER_PRECISION = 1000;

/**
 * When a broker has to be told to deliver, so that it does not before `deliverAt`; the broker of RocketMQ delivers up to
 * its precision early. Throws NOT_SUPPORTED for what it cannot keep.
 */
export function keptTime(profile: BrokerProfile, deliverAt: number, now: number, topic: string): number {
  if (profile.kind === 'ours' || deliverAt <= now) return deliverAt;
  const { longestTimer, timerPrecision } = profile;
  if (longestTimer === 0) {
    throw new MessagingError(
      'NOT_SUPPORTED',
      `The broker of ${topic} knows delay levels only: delay by { level: 1…18 }, or let it keep times ` +
        `(${profile.kind === 'apache4' ? 'RocketMQ from 5.0 on' : 'timerWheelEnable=true'})`,
    );
  }
  if (deliverAt - now > longestTimer) {
    throw new MessagingError(
      'NOT_SUPPORTED',
      `The broker of ${topic} keeps no message for longer than ${longestTimer / 1000} s (timerMaxDelaySec): ` +
        'delay in steps, or keep the time yourself',
    );
  }
  return Math.ceil(deliverAt / timerPrecision) * timerPrecision;
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

/** What the brokers of this client can do. Found out when it matters, once per broker and again when it has changed. */
export class Capabilities {
  private readonly known = new Map<string, { greeting: Greeting; profile: Promise<BrokerProfile> }>();

  constructor(
    private readonly brokers: BrokerCalls,
    /** Makes this client known to the broker, whose answer says who it is. */
    private readonly greet: (address: string) => Promise<void>,
  ) {}

  /** Rejects when the broker cannot be reached. */
  async of(address: string): Promise<BrokerProfile> {
    if (this.brokers.greetingOf(address) === undefined) await this.greet(address);
    const greeting = this.brokers.greetingOf(address);
    if (greeting === undefined) {
      throw new MessagingError('CONNECT_FAILED', `The broker at ${address} does not say what it is`);
    }
    const known = this.known.get(address);
    if (known?.greeting.version === greeting.version && known.greeting.extensions === greeting.extensions)
      return known.profile;
    const profile = this.find(address, greeting);
    this.known.set(address, { greeting, profile });
    // What could not be asked is asked again.
    profile.catch(() => this.known.delete(address));
    return profile;
  }

  private async find(address: string, { extensions, version }: Greeting): Promise<BrokerProfile> {
    if (extensions > 0) return OURS;
    if (version < FIRST_OF_5) return APACHE_4;
    const settings = await this.settings(address);
    const timers = settings?.get('timerWheelEnable') !== 'false';
    const longest = numberOf(settings?.get('timerMaxDelaySec')) ?? APACHE_TIMER_MAX_MILLIS / 1000;
    const sql = settings?.get('enablePropertyFilter');
    return {
      kind: 'apache5',
      longestTimer: timers ? longest * 1000 : 0,
      timerPrecision: numberOf(settings?.get('timerPrecisionMs')) ?? APACHE_TIMER_PRECISION,
      sqlFilters: sql === undefined ? undefined : sql === 'true',
    };
  }

  /** Undefined when the broker tells them to administrators only: its defaults are taken for granted then. */
  private async settings(address: string): Promise<ReadonlyMap<string, string> | undefined> {
    const { code, body } = await this.brokers.call(address, createRequest(RequestCode.GET_BROKER_CONFIG, {}));
    if (code !== ResponseCode.SUCCESS || body === undefined) return undefined;
    const lines = body.toString('utf8').split('\n');
    const pairs = lines.filter((line) => line.includes('=')).map((line) => line.split('=', 2) as [string, string]);
    return new Map(pairs.map(([name, value]) => [name.trim(), value.trim()]));
  }
}
