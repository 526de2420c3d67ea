import { intOr, requiredInt, requiredLong, requiredText } from './schema.js';
import type { HeaderSchema } from './schema.js';

/** PULL_MESSAGE and LITE_PULL_MESSAGE. */
export interface PullMessageRequestHeader {
  consumerGroup: string;
  topic: string;
  queueId: number;
  queueOffset: number;
  maxMsgNums: number;
  /** Bits of `PullSysFlag`. */
  sysFlag: number;
  /** Counts if PullSysFlag.COMMIT_OFFSET is set. */
  commitOffset: number;
  /** How long the broker may hold the request if PullSysFlag.SUSPEND is set. */
  suspendTimeoutMillis: number;
  subVersion: number;
  /** Counts if PullSysFlag.SUBSCRIPTION is set. */
  subscription?: string;
  expressionType?: string;
  maxMsgBytes?: number;
}

export interface PullMessageResponseHeader {
  suggestWhichBrokerId: number;
  nextBeginOffset: number;
  minOffset: number;
  maxOffset: number;
}

export const pullMessage: HeaderSchema<PullMessageRequestHeader> = {
  toFields(h, put) {
    put('consumerGroup', h.consumerGroup);
    put('topic', h.topic);
    put('queueId', String(h.queueId));
    put('queueOffset', String(h.queueOffset));
    put('maxMsgNums', String(h.maxMsgNums));
    put('sysFlag', String(h.sysFlag));
    put('commitOffset', String(h.commitOffset));
    put('suspendTimeoutMillis', String(h.suspendTimeoutMillis));
    put('subVersion', String(h.subVersion));
    if (h.subscription !== undefined) {
      put('subscription', h.subscription);
    }
    if (h.expressionType !== undefined) {
      put('expressionType', h.expressionType);
    }
    if (h.maxMsgBytes !== undefined) {
      put('maxMsgBytes', String(h.maxMsgBytes));
    }
  },
  fromFields: (f) => ({
    consumerGroup: requiredText(f, 'consumerGroup'),
    topic: requiredText(f, 'topic'),
    queueId: requiredInt(f, 'queueId'),
    queueOffset: requiredLong(f, 'queueOffset'),
    maxMsgNums: requiredInt(f, 'maxMsgNums'),
    sysFlag: requiredInt(f, 'sysFlag'),
    commitOffset: requiredLong(f, 'commitOffset'),
    suspendTimeoutMillis: requiredLong(f, 'suspendTimeoutMillis'),
    subVersion: requiredLong(f, 'subVersion'),
    subscription: f.get('subscription'),
    expressionType: f.get('expressionType'),
    maxMsgBytes: intOr(f, 'maxMsgBytes'),
  }),
};

export const pullMessageResponse: HeaderSchema<PullMessageResponseHeader> = {
  toFields(h, put) {
    if (h.nextBeginOffset === undefined) {
      return; // an error answer: there is no position
    }
    put('suggestWhichBrokerId', String(h.suggestWhichBrokerId));
    put('nextBeginOffset', String(h.nextBeginOffset));
    put('minOffset', String(h.minOffset));
    put('maxOffset', String(h.maxOffset));
  },
  fromFields: (f) => ({
    suggestWhichBrokerId: requiredLong(f, 'suggestWhichBrokerId'),
    nextBeginOffset: requiredLong(f, 'nextBeginOffset'),
    minOffset: requiredLong(f, 'minOffset'),
    maxOffset: requiredLong(f, 'maxOffset'),
  }),
};
