/*
 * RocketMQ's records of a trace, as text; the body of a message to the trace topic holds several:
 *
 *   record \x02 record \x02 ...       the fields of a record are parted by \x01:
 *
 *   Pub            type, born at, region, group, topic, id, tag, keys, store host, body bytes, cost, kind, place, success,
 *                  client, [outcome]
 *   SubBefore      type, at, region, group, call, id, retries, keys, [client]
 *   SubAfter       type, call, id, cost, success, keys, code, at, group, [outcome]
 *   EndTransaction type, at, region, group, topic, id, tag, keys, store host, kind, transaction id, state, from check
 *
 *   Times are milliseconds since 1970, costs milliseconds; `place` is the offset message id. What stands in brackets is our
 *   own: Java's decoder passes over it, and records of Java clients lack it.
 */
const RECORD_END = '\x02';
const FIELD_END = '\x01';
const REGION = 'DefaultRegion';
/** What Java writes for a message without keys. */
const NONE = 'null';

/** Ordinals of RocketMQ's MessageType. */
export const TracedKind = { NORMAL: 0, HALF: 1, TRANSACTION_END: 2, DELAYED: 3, ORDERED: 4 } as const;
/** Ordinals of RocketMQ's ConsumeReturnType. */
export const CallCode = { SUCCESS: 0, EXCEPTION: 2, FAILED: 4 } as const;

const STATES = { COMMIT: 'COMMIT_MESSAGE', ROLLBACK: 'ROLLBACK_MESSAGE', UNKNOWN: 'UNKNOW' } as const;

interface OfMessage {
  readonly messageId: string;
  /** Parted by blanks. */
  readonly keys: string;
}

/** One send with all its attempts. */
export interface SendRecord extends OfMessage {
  readonly type: 'Pub';
  readonly at: number;
  readonly group: string;
  readonly topic: string;
  readonly tag: string;
  readonly storeHost: string;
  readonly bodyBytes: number;
  readonly cost: number;
  readonly kind: number;
  readonly offsetMessageId: string;
  readonly success: boolean;
  readonly client: string;
  /** `stored`, `sent` (one way), `duplicate`, or the code of the error. */
  readonly outcome: string;
}

/** A handler is entered. */
export interface CallBegun extends OfMessage {
  readonly type: 'SubBefore';
  readonly at: number;
  readonly group: string;
  readonly callId: string;
  readonly retries: number;
  readonly client: string;
}

/** A handler has settled. */
export interface CallEnded extends OfMessage {
  readonly type: 'SubAfter';
  readonly callId: string;
  readonly cost: number;
  readonly success: boolean;
  readonly code: number;
  readonly at: number;
  readonly group: string;
  readonly outcome: string;
}

/** A local transaction, or a check of it, has said what is to become of its message. */
export interface TransactionRecord extends OfMessage {
  readonly type: 'EndTransaction';
  readonly at: number;
  readonly group: string;
  readonly topic: string;
  readonly tag: string;
  readonly storeHost: string;
  readonly transactionId: string;
  readonly state: keyof typeof STATES;
  readonly fromCheck: boolean;
}

export type TraceRecord = SendRecord | CallBegun | CallEnded | TransactionRecord;

export function encodeTraceRecord(record: TraceRecord): string {
  return fieldsOf(record).join(FIELD_END) + RECORD_END;
}

function fieldsOf(record: TraceRecord): (string | number | boolean)[] {
  const { type, messageId, at, group, keys } = record;
  switch (type) {
    case 'Pub': {
      const { topic, tag, storeHost, bodyBytes, cost, kind, offsetMessageId, success, client, outcome } = record;
      const place = [storeHost, bodyBytes, cost, kind, offsetMessageId, success, client, outcome];
      return [type, at, REGION, group, topic, messageId, tag, keys, ...place];
    }
    case 'SubBefore':
      return [type, at, REGION, group, record.callId, messageId, record.retries, keys || NONE, record.client];
    case 'SubAfter': {
      const { callId, cost, success, code, outcome } = record;
      return [type, callId, messageId, cost, success, keys || NONE, code, at, group, outcome];
    }
    case 'EndTransaction': {
      const { topic, tag, storeHost, transactionId, state, fromCheck } = record;
      const end = [storeHost, TracedKind.TRANSACTION_END, transactionId, STATES[state], fromCheck];
      return [type, at, REGION, group, topic, messageId, tag, keys, ...end];
    }
  }
}

/** The records of a body; those that are none are left out. */
export function decodeTraceRecords(body: string): TraceRecord[] {
  return body.split(RECORD_END).flatMap((text) => {
    const record = recordOf(text.split(FIELD_END));
    return record === undefined || !Number.isFinite(record.at) ? [] : [record];
  });
}

function recordOf(fields: string[]): TraceRecord | undefined {
  const text = (at: number): string => (fields[at] === undefined || fields[at] === NONE ? '' : fields[at]);
  const [type] = fields;
  switch (type) {
    case 'Pub': {
      // The oldest clients wrote no place.
      const placed = fields.length >= 14;
      const success = text(placed ? 13 : 12) === 'true';
      return {
        type,
        at: Number(fields[1]),
        group: text(3),
        topic: text(4),
        messageId: text(5),
        tag: text(6),
        keys: text(7),
        storeHost: text(8),
        bodyBytes: Number(text(9)),
        cost: Number(text(10)),
        kind: Number(text(11)),
        offsetMessageId: placed ? text(12) : '',
        success,
        client: text(14),
        outcome: text(15) || (success ? 'stored' : 'failed'),
      };
    }
    case 'SubBefore':
      return {
        type,
        at: Number(fields[1]),
        group: text(3),
        callId: text(4),
        messageId: text(5),
        retries: Number(text(6)),
        keys: text(7),
        client: text(8),
      };
    case 'SubAfter': {
      const success = text(4) === 'true';
      return {
        type,
        callId: text(1),
        messageId: text(2),
        cost: Number(text(3)),
        success,
        keys: text(5),
        code: Number(text(6)),
        at: Number(text(7)),
        group: text(8),
        outcome: text(9) || (success ? 'acknowledged' : 'failed'),
      };
    }
    case 'EndTransaction': {
      const state = Object.entries(STATES).find(([, name]) => name === fields[11]);
      if (state === undefined) return undefined;
      return {
        type,
        at: Number(fields[1]),
        group: text(3),
        topic: text(4),
        messageId: text(5),
        tag: text(6),
        keys: text(7),
        storeHost: text(8),
        transactionId: text(10),
        state: state[0] as keyof typeof STATES,
        fromCheck: text(12) === 'true',
      };
    }
    default:
      return undefined;
  }
}
