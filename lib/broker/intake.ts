import type { Platform } from '../platform/index.js';
import {
  appendProperty,
  closeProperties,
  createUniqueIdFactory,
  joinedProperties,
  LIMITS,
  MessagingError,
  Permission,
  PropertyName,
  SysFlag,
  transactionType,
} from '../protocol/index.js';
import type { TopicConfig } from '../store/index.js';
import { dropTraits, PropertyTrait, scanProperties } from './incoming-properties.js';
import type { KeyHolds } from './key-holds.js';
import type { ResolvedBrokerOptions } from './options.js';

export const REGION = 'DefaultRegion';
/** What a producer may say about its message; hosts, transactions and inner batches are the broker's to say. */
export const SENDER_FLAGS = SysFlag.COMPRESSED | SysFlag.MULTI_TAGS | 0x700;

/** What every message has to pass on its way in, whichever request brings it. */
export class Intake {
  private readonly nextUniqueId: () => string;
  /** Whether clients can be in other processes. */
  private readonly reachable: boolean;
  /** See `plainRest`; with the one that was asked for last in front. */
  private readonly rests = new Map<string, string | undefined>();
  private lastRest: string | undefined;
  private lastKept: string | undefined;

  constructor(
    private readonly keys: KeyHolds,
    private readonly options: ResolvedBrokerOptions,
    private readonly platform: Platform,
  ) {
    const { clock, random } = platform;
    this.reachable = !options.address.endsWith(':0');
    const ip = options.address.slice(0, options.address.lastIndexOf(':')).replaceAll(/[[\]]/g, '');
    this.nextUniqueId = createUniqueIdFactory({
      ip,
      pid: random.below(0x1_0000),
      now: () => clock.now(),
      hash: random.below(0x7fff_ffff),
    });
  }

  /** @throws MessagingError NO_PERMISSION, BAD_ARGUMENT. */
  queueOf(topic: TopicConfig, wanted: number): number {
    if ((topic.perm & Permission.WRITE) === 0)
      throw new MessagingError('NO_PERMISSION', `Topic ${topic.name} is not writable (perm ${topic.perm}).`);
    const queues = Math.max(topic.readQueueNums, topic.writeQueueNums);
    if (wanted < 0) return this.platform.random.below(topic.writeQueueNums);
    if (wanted < queues) return wanted;
    throw new MessagingError(
      'BAD_ARGUMENT',
      `Topic ${topic.name} has no queue ${wanted}; it has ${queues}. Refresh the route.`,
    );
  }

  /**
   * Gives the traits of the properties.
   * @throws MessagingError PROPERTIES_INVALID, QUEUE_UNAVAILABLE.
   */
  check(topic: TopicConfig, queueId: number, properties: string): number {
    checkLength(topic.name, properties);
    if (this.keys.watches(topic)) this.keys.check(topic, queueId, properties);
    return scanProperties(properties);
  }

  /**
   * Of properties in parts: `rest` as it is kept, when all that `check` and `clean` would see is an id and texts for
   * consumers; otherwise undefined. Looked at once for all messages with the same one.
   */
  plainRest(topic: TopicConfig, rest: string): string | undefined {
    if (this.keys.watches(topic)) return undefined;
    if (rest === this.lastRest) return this.lastKept;
    let kept = this.rests.get(rest);
    if (kept === undefined && !this.rests.has(rest)) {
      if (this.rests.size >= RESTS_REMEMBERED) this.rests.clear();
      this.rests.set(rest, (kept = this.keptRest(rest)));
    }
    this.lastRest = rest;
    this.lastKept = kept;
    return kept;
  }

  private keptRest(rest: string): string | undefined {
    if (rest.length > LONGEST_REST) return undefined;
    const sample = joinedProperties('', 0, rest);
    const traits = scanProperties(sample);
    if ((traits & ~(PropertyTrait.UNIQUE_KEY | PropertyTrait.REGION)) !== 0) return undefined;
    const kept = this.clean(sample, traits, false).slice(sample.length - rest.length);
    return Buffer.from(kept, 'utf8').toString('utf8');
  }

  /** Drops what only a broker may say, names the message if nobody has. */
  clean(properties: string, traits: number, retry: boolean): string {
    const unwanted = traits & (retry ? PropertyTrait.FORGED : PropertyTrait.FORGED | PropertyTrait.RETRY);
    let clean = closeProperties(unwanted === 0 ? properties : dropTraits(properties, unwanted));
    if ((traits & PropertyTrait.UNIQUE_KEY) === 0)
      clean = appendProperty(clean, PropertyName.UNIQUE_KEY, this.nextUniqueId());
    // Whoever answers a request finds the topic for replies by the cluster's name.
    if ((traits & PropertyTrait.REPLY) !== 0) clean = appendProperty(clean, PropertyName.CLUSTER, this.options.cluster);
    // A Java consumer writes no trace of a message without it. Where nobody can connect it would be 25 bytes for nothing.
    if (this.reachable && (traits & PropertyTrait.REGION) === 0) clean += REGION_ENTRY;
    return clean;
  }
}

/** Longer ones are hardly shared. */
const LONGEST_REST = 512;
const RESTS_REMEMBERED = 256;

const REGION_ENTRY = appendProperty('', PropertyName.MSG_REGION, REGION);

/** @throws MessagingError MESSAGE_TOO_LARGE. */
export function checkBody(topic: string, bytes: number): void {
  if (bytes <= LIMITS.bodyBytes) return;
  throw new MessagingError(
    'MESSAGE_TOO_LARGE',
    `The body of a message to topic ${topic} has ${bytes} bytes; ${LIMITS.bodyBytes} are allowed. Store large data elsewhere and send a reference.`,
  );
}

/** Clients say it in two places; either is enough. */
export function isTransaction(sysFlag: number, properties: string, traits: number): boolean {
  return (
    transactionType(sysFlag) === SysFlag.TRANSACTION_PREPARED ||
    ((traits & PropertyTrait.TRANSACTION) !== 0 && /(^|\x02)TRAN_MSG\x01true/i.test(properties))
  );
}

function checkLength(topic: string, properties: string): void {
  // Three bytes are the most that one unit of a JavaScript string takes in UTF-8; below a third nothing has to be counted.
  if (properties.length * 3 <= LIMITS.userPropertiesBytes) return;
  const bytes = Buffer.byteLength(properties);
  if (bytes <= LIMITS.userPropertiesBytes) return;
  throw new MessagingError(
    'PROPERTIES_INVALID',
    `The properties of a message to topic ${topic} take ${bytes} bytes; ${LIMITS.userPropertiesBytes} are allowed. Put large values into the body.`,
  );
}
