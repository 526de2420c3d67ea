import type { MessageRecord } from '../../../lib/protocol/index.js';
import {
  encodeProperties,
  ExtensionProperty,
  getProperty,
  TIMER_TOPIC,
  TRANSACTION_DEAD_LETTER_TOPIC,
  TRANSACTION_HALF_TOPIC,
} from '../../../lib/protocol/index.js';
import type { PutResult, StoreMessage } from '../../../lib/store/index.js';

export const ORDERS = 'orders';
export const PAYMENTS = 'payments';
/** All its messages expire together, so that nothing but the stored bounds knows its next offset. */
export const RARE = 'rare';
export const DEAD_LETTERS = '%DLQ%billing';
export const GROUP = 'billing';

export type Kind = 'plain' | 'timer' | 'letter' | 'half' | 'mark';

export interface Asked {
  readonly id: string;
  readonly kind: Kind;
  readonly topic: string;
  readonly queueId: number;
  /** Bytes of the body and of a property: both are torn by crashes, and both are checked. */
  readonly bodyBytes: number;
  readonly propertyBytes: number;
  /** Sent with its id as id for de-duplication, to a topic that had been told to know it again. */
  readonly dedup?: boolean;
}

export interface Acknowledged extends PutResult {
  readonly asked: Asked;
}

export interface Seen {
  readonly topic: string;
  readonly queueId: number;
  readonly queueOffset: number;
  readonly physicalOffset: number;
  readonly id: string;
}

/** What was done about a half message: a check or an end is asked for first, and stored at an offset later. */
export interface HalfEvent {
  readonly event: 'asked' | 'checked' | 'ending' | 'ended';
  readonly id: string;
  readonly at: number;
}

/** Only ever appended to, so that a moment is told by its lengths. */
export class History {
  readonly asked: Asked[] = [];
  readonly acknowledged: Acknowledged[] = [];
  /** What the consumer got to see, in the order of each queue. */
  readonly seen: Seen[] = [];
  /** Positions whose flush has been confirmed: `topic queueId` and offset. */
  readonly flushed: { readonly queue: string; readonly offset: number }[] = [];
  readonly topics: { readonly name: string; readonly number: number }[] = [];
  readonly groups: string[] = [];
  readonly halves: HalfEvent[] = [];
  readonly byId = new Map<string, Asked>();
  /** Up to here the log may have been deleted. */
  mayExpireTo = 0;
  /** Up to here the log is certain to survive; below its end only in `async` mode. */
  durableTo: () => number = () => Infinity;

  ask(asked: Asked): Asked {
    this.asked.push(asked);
    this.byId.set(asked.id, asked);
    return asked;
  }

  /** What had happened by that moment, to go on differently from there. */
  fork(moment: Moment): History {
    const fork = new History();
    for (const asked of this.asked.slice(0, moment.asked)) fork.ask(asked);
    fork.acknowledged.push(...this.acknowledged.slice(0, moment.acknowledged));
    fork.seen.push(...this.seen.slice(0, moment.seen));
    fork.flushed.push(...this.flushed.slice(0, moment.flushed));
    fork.topics.push(...this.topics.slice(0, moment.topics));
    fork.groups.push(...this.groups.slice(0, moment.groups));
    fork.halves.push(...this.halves.slice(0, moment.halves));
    fork.mayExpireTo = moment.mayExpireTo;
    fork.durableTo = () => moment.durableTo;
    return fork;
  }

  moment(): Moment {
    return {
      asked: this.asked.length,
      acknowledged: this.acknowledged.length,
      seen: this.seen.length,
      flushed: this.flushed.length,
      topics: this.topics.length,
      groups: this.groups.length,
      halves: this.halves.length,
      mayExpireTo: this.mayExpireTo,
      durableTo: this.durableTo(),
    };
  }
}

export interface Moment {
  readonly asked: number;
  readonly acknowledged: number;
  readonly seen: number;
  readonly flushed: number;
  readonly topics: number;
  readonly groups: number;
  readonly halves: number;
  readonly mayExpireTo: number;
  readonly durableTo: number;
}

/** Where messages lie that consumers shall not see yet. */
const WAITING_TOPICS: Readonly<Partial<Record<Kind, string>>> = { timer: TIMER_TOPIC, half: TRANSACTION_HALF_TOPIC };

export function isWaitingTopic(topic: string): boolean {
  return topic === TIMER_TOPIC || topic === TRANSACTION_HALF_TOPIC;
}

const texts = new Map<string, string>();

/** Text that differs from byte to byte and from message to message, so that a mixture of two is found. */
function content(id: string, bytes: number): string {
  let text = '';
  for (let part = 0; text.length < bytes; part++) text += `${id}.${part} `;
  return text.slice(0, bytes);
}

/** Made once: it is compared with every record of every recovered store. */
function textOf({ id }: Asked, bytes: number, what: string): string {
  const key = `${what}-${id}`;
  let text = texts.get(key);
  if (text === undefined) texts.set(key, (text = content(key, bytes)));
  return text;
}

/** `own` are properties besides those that every message has; a timer and a half message wait elsewhere. */
export function messageOf(asked: Asked, own: readonly [string, string][] = []): StoreMessage {
  const properties: [string, string][] = [
    ['UNIQ_KEY', asked.id],
    ['padding', textOf(asked, asked.propertyBytes, 'property')],
    ...own,
  ];
  if (asked.dedup) properties.push([ExtensionProperty.DEDUP_ID, asked.id]);
  const waitsIn = WAITING_TOPICS[asked.kind];
  return {
    topic: waitsIn ?? asked.topic,
    queueId: waitsIn === undefined ? asked.queueId : 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_000,
    bornHost: '127.0.0.1:50000',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    properties: encodeProperties(properties),
    body: Buffer.from(textOf(asked, asked.bodyBytes, 'body')),
  };
}

/** Why the record is not what was asked for; undefined when it is. */
export function contentFault(record: MessageRecord, asked: Asked | undefined): string | undefined {
  if (asked === undefined) return 'nobody asked for it';
  if (record.body.toString() !== textOf(asked, asked.bodyBytes, 'body')) return 'its body is not what was sent';
  if (getProperty(record.properties, 'padding') !== textOf(asked, asked.propertyBytes, 'property')) {
    return 'its properties are not what was sent';
  }
  if (isWaitingTopic(record.topic)) {
    return record.topic === WAITING_TOPICS[asked.kind] && getProperty(record.properties, 'REAL_TOPIC') === asked.topic
      ? undefined
      : 'it waits although it was not sent to wait';
  }
  if (asked.kind === 'half' && record.topic === TRANSACTION_DEAD_LETTER_TOPIC) return undefined;
  return record.topic === asked.topic && record.queueId === asked.queueId ? undefined : 'it lies in the wrong queue';
}
