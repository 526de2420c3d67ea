import { ExtensionField } from '../extensions.js';
import { ExtensionBodyField } from '../extensions.js';
import { type FilterSpec, filterSpecsFrom } from '../filter/filter-spec.js';
import { flagOf, numberOf, numbersOf, objectsOf, readObject, textOf, textsOf, writeJson } from './json-fields.js';
import type { JsonObject } from './json-reader.js';

export type ConsumeType = 'CONSUME_ACTIVELY' | 'CONSUME_PASSIVELY' | 'CONSUME_POP';
export type MessageModel = 'CLUSTERING' | 'BROADCASTING';
export type ConsumeFromWhere = 'CONSUME_FROM_LAST_OFFSET' | 'CONSUME_FROM_FIRST_OFFSET' | 'CONSUME_FROM_TIMESTAMP';

export interface SubscriptionData {
  topic: string;
  /** `*` or `a || b`, or SQL92. */
  subString: string;
  tagsSet: string[];
  /** Java hash codes of the tags. */
  codeSet: number[];
  /** Milliseconds since 1970; raised with every change. */
  subVersion: number;
  /** TAG or SQL92. */
  expressionType: string;
  classFilterMode: boolean;
  /** See `ExtensionBodyField.FILTERS`. */
  NESTMQ_FILTERS?: FilterSpec[];
}

export interface ConsumerData {
  groupName: string;
  consumeType: ConsumeType;
  messageModel: MessageModel;
  consumeFromWhere: ConsumeFromWhere;
  /** The date of CONSUME_FROM_TIMESTAMP, milliseconds since 1970; undefined: the client looks its positions up. */
  startAt?: number | undefined;
  subscriptionDataSet: SubscriptionData[];
  unitMode: boolean;
}

export interface ProducerData {
  groupName: string;
}

/** Body of HEART_BEAT. */
export interface HeartbeatData {
  clientID: string;
  producerDataSet: ProducerData[];
  consumerDataSet: ConsumerData[];
  heartbeatFingerprint?: number;
  withoutSub?: boolean;
}

export function encodeHeartbeatData(data: HeartbeatData): Buffer {
  return writeJson({
    ...data,
    consumerDataSet: data.consumerDataSet.map(({ startAt, ...rest }) =>
      startAt === undefined ? rest : { ...rest, [ExtensionField.START_AT]: startAt },
    ),
    heartbeatFingerprint: data.heartbeatFingerprint ?? 0,
    withoutSub: data.withoutSub ?? false,
  });
}

export function decodeHeartbeatData(body: Buffer): HeartbeatData {
  const object = readObject(body, 'heartbeat');
  return {
    clientID: textOf(object, 'clientID'),
    producerDataSet: objectsOf(object, 'producerDataSet').map((data) => ({ groupName: textOf(data, 'groupName') })),
    consumerDataSet: objectsOf(object, 'consumerDataSet').map(consumerDataFrom),
    heartbeatFingerprint: numberOf(object, 'heartbeatFingerprint', 0),
    withoutSub: flagOf(object, 'withoutSub', false),
  };
}

function consumerDataFrom(object: JsonObject): ConsumerData {
  return {
    groupName: textOf(object, 'groupName'),
    consumeType: textOf(object, 'consumeType', 'CONSUME_PASSIVELY') as ConsumeType,
    messageModel: textOf(object, 'messageModel', 'CLUSTERING') as MessageModel,
    consumeFromWhere: textOf(object, 'consumeFromWhere', 'CONSUME_FROM_LAST_OFFSET') as ConsumeFromWhere,
    startAt: startAtFrom(object),
    subscriptionDataSet: objectsOf(object, 'subscriptionDataSet').map(subscriptionDataFrom),
    unitMode: flagOf(object, 'unitMode', false),
  };
}

function startAtFrom(object: JsonObject): number | undefined {
  const startAt = numberOf(object, ExtensionField.START_AT, -1);
  return startAt < 0 ? undefined : startAt;
}

export function subscriptionDataFrom(object: JsonObject): SubscriptionData {
  const filters = filterSpecsFrom(object, ExtensionBodyField.FILTERS);
  return {
    topic: textOf(object, 'topic'),
    subString: textOf(object, 'subString', '*'),
    tagsSet: textsOf(object, 'tagsSet'),
    codeSet: numbersOf(object, 'codeSet'),
    subVersion: numberOf(object, 'subVersion', 0),
    expressionType: textOf(object, 'expressionType', 'TAG'),
    classFilterMode: flagOf(object, 'classFilterMode', false),
    ...(filters && { [ExtensionBodyField.FILTERS]: filters }),
  };
}
