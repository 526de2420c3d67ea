import {
  createResponse,
  decodeLockBatchRequestBody,
  encodeLockBatchResponseBody,
  type LockBatchRequestBody,
  type RemotingCommand,
  ResponseCode,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import { NO_FIELDS, success } from './answers.js';
import type { Consumers } from './consumers.js';
import type { QueueLocks } from './queue-locks.js';
import type { TopicManager } from './topic-manager.js';

const NO_BODY = Buffer.alloc(0);

/** LOCK_BATCH_MQ and UNLOCK_BATCH_MQ: an orderly consumer reserves its queues. */
export class LockProcessor {
  constructor(
    private readonly locks: QueueLocks,
    private readonly consumers: Consumers,
    private readonly topics: TopicManager,
    private readonly brokerName: string,
  ) {}

  readonly lock = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const body = decodeLockBatchRequestBody(request.body ?? NO_BODY);
    const lockOKMQSet = this.isSelf(body, channel)
      ? this.locks.lock(body.consumerGroup, body.clientId, this.ours(body))
      : [];
    respond(createResponse(ResponseCode.SUCCESS, NO_FIELDS, undefined, encodeLockBatchResponseBody({ lockOKMQSet })));
  };

  readonly unlock = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const body = decodeLockBatchRequestBody(request.body ?? NO_BODY);
    if (this.isSelf(body, channel)) this.locks.unlock(body.consumerGroup, body.clientId, body.mqSet);
    respond(success());
  };

  /** A client locks for itself only, and only as a member of the group: nobody takes or frees another's queues. */
  private isSelf(body: LockBatchRequestBody, channel: Channel): boolean {
    return this.consumers.group(body.consumerGroup)?.memberOf(channel)?.clientId === body.clientId;
  }

  /** The queues that exist here; the table of locks never holds others. */
  private ours(body: LockBatchRequestBody): LockBatchRequestBody['mqSet'] {
    return body.mqSet.filter(({ brokerName, topic, queueId }) => {
      const queues = this.topics.get(topic)?.readQueueNums ?? 0;
      return brokerName === this.brokerName && Number.isInteger(queueId) && queueId >= 0 && queueId < queues;
    });
  }
}
