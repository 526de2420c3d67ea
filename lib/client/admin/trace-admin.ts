import { MessagingError, TRACE_TOPIC } from '../../protocol/index.js';
import { decodeTraceRecords, type SendRecord, type TraceRecord } from '../trace/trace-record.js';
import type { AdminCalls } from './admin-calls.js';
import { checkOptions, option } from './check-options.js';
import type { MessageAdmin } from './message-admin.js';

/** What a broker answers at the most. */
const PAGE = 64;

/** One send with all its attempts. @publicApi */
export interface TracedSend {
  topic: string;
  tag: string | undefined;
  keys: string[];
  /** The producer group. */
  group: string;
  /** The process that sent it; undefined for clients that do not say. */
  client: string | undefined;
  bornAt: Date;
  /** When its sender knew that it was stored; undefined when it was not, or nobody waited. */
  storedAt: Date | undefined;
  offsetMessageId: string | undefined;
  /** `stored`, `sent` (one way), `duplicate` (of what was sent before), or the code of the error. */
  outcome: string;
}

/** What a local transaction, or a check of it, has said. @publicApi */
export interface TracedTransaction {
  group: string;
  state: 'COMMIT' | 'ROLLBACK' | 'UNKNOWN';
  fromCheck: boolean;
  at: Date;
}

/** One attempt of one group. @publicApi */
export interface TracedDelivery {
  group: string;
  /** 1 for the first. */
  attempt: number;
  client: string | undefined;
  deliveredAt: Date;
  /** Undefined while the handler runs, or when its process died. */
  settledAt: Date | undefined;
  /** `acknowledged`, `retried`, `deadLettered`, `postponed` or `failed`; undefined as `settledAt`. */
  outcome: string | undefined;
}

/** What became of one message, each part in the order of time. @publicApi */
export interface MessageTrace {
  messageId: string;
  sends: TracedSend[];
  transactions: TracedTransaction[];
  deliveries: TracedDelivery[];
}

/** @publicApi */
export interface TraceOptions {
  /** Where the records are. Default: the connection's `trace.topic`, or RocketMQ's `RMQ_SYS_TRACE_TOPIC`. */
  topic?: string;
}

/** Reads the message trace, also that of Java clients. @publicApi */
export class TraceAdmin {
  constructor(
    private readonly calls: AdminCalls,
    private readonly messages: MessageAdmin,
  ) {}

  /**
   * What is known of the message; undefined when nothing is: it was not traced, or that is no longer kept. Records arrive up
   * to a second late.
   * @throws MessagingError NOT_SUPPORTED where `broker.index` is off.
   */
  async find(messageId: string, options: TraceOptions = {}): Promise<MessageTrace | undefined> {
    checkOptions('traces.find', options, { topic: option.text });
    const records = (await this.records(messageId, options.topic)).filter((record) => record.messageId === messageId);
    if (records.length === 0) return undefined;
    records.sort((a, b) => a.at - b.at);
    return {
      messageId,
      sends: records.flatMap((record) => (record.type === 'Pub' ? [sendOf(record)] : [])),
      transactions: records.flatMap((record) =>
        record.type === 'EndTransaction'
          ? [{ group: record.group, state: record.state, fromCheck: record.fromCheck, at: new Date(record.at) }]
          : [],
      ),
      deliveries: deliveriesOf(records),
    };
  }

  private async records(messageId: string, chosen: string | undefined): Promise<TraceRecord[]> {
    const { settings } = (await this.calls.parts()).core;
    const topic = chosen ?? settings.trace?.topic ?? TRACE_TOPIC;
    const bodies = new Map<string, string>();
    for (let to: Date | undefined; ;) {
      const found = await this.page(topic, messageId, to);
      const before = bodies.size;
      for (const message of found) bodies.set(message.offsetMessageId, message.text());
      // The last page, or one that is full of the same millisecond.
      if (found.length < PAGE || bodies.size === before) break;
      to = found.at(-1)!.storedAt;
    }
    return [...bodies.values()].flatMap(decodeTraceRecords);
  }

  private async page(topic: string, messageId: string, to: Date | undefined): ReturnType<MessageAdmin['findByKey']> {
    try {
      return await this.messages.findByKey(topic, messageId, { max: PAGE, to });
    } catch (error) {
      // Nobody has traced anything yet.
      if (error instanceof MessagingError && error.code === 'TOPIC_NOT_FOUND') return [];
      throw error;
    }
  }
}

function sendOf(record: SendRecord): TracedSend {
  const { topic, tag, keys, group, client, at, cost, offsetMessageId, outcome } = record;
  return {
    topic,
    tag: tag || undefined,
    keys: keys.split(' ').filter((key) => key !== ''),
    group,
    client: client || undefined,
    bornAt: new Date(at),
    storedAt: outcome === 'stored' ? new Date(at + cost) : undefined,
    offsetMessageId: offsetMessageId || undefined,
    outcome,
  };
}

function deliveriesOf(records: readonly TraceRecord[]): TracedDelivery[] {
  const ends = new Map(records.flatMap((record) => (record.type === 'SubAfter' ? [[record.callId, record]] : [])));
  return records.flatMap((record) => {
    if (record.type !== 'SubBefore') return [];
    const { group, retries, client, at, callId } = record;
    const end = ends.get(callId);
    return [
      {
        group,
        attempt: retries + 1,
        client: client || undefined,
        deliveredAt: new Date(at),
        settledAt: end && new Date(at + end.cost),
        outcome: end?.outcome,
      },
    ];
  });
}
