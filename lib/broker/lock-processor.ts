import {
  createResponse,
  decodeLockBatchRequestBody,
  encodeLockBatchResponseBody,
  type LockBatchRequestBody,
  type MessageQueue,
  type RemotingCommand,
  ResponseCode,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import { answerLater, NO_FIELDS, success } from './answers.js';
import type { GroupMember } from './consumer-group.js';
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
    const member = this.self(body, channel);
    if (member === undefined) {
      respond(answer([]));
      return;
    }
    const { held, durable } = this.locks.lock(body.consumerGroup, member, this.ours(body));
    if (durable === undefined) respond(answer(held));
    else answerLater(durable, respond, () => answer(held));
  };

  readonly unlock = (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const body = decodeLockBatchRequestBody(request.body ?? NO_BODY);
    if (this.self(body, channel) !== undefined) this.locks.unlock(body.consumerGroup, body.clientId, body.mqSet);
    respond(success());
  };

  /** A client locks for itself only, and only as a member of the group: nobody takes or frees another's queues. */
  private self(body: LockBatchRequestBody, channel: Channel): GroupMember | undefined {
    const member = this.consumers.group(body.consumerGroup)?.memberOf(channel);
    return member?.clientId === body.clientId ? member : undefined;
  }

  /** The queues that exist here; the table of locks never holds others. */
  private ours(body: LockBatchRequestBody): LockBatchRequestBody['mqSet'] {
    return body.mqSet.filter(({ brokerName, topic, queueId }) => {
      const queues = this.topics.get(topic)?.readQueueNums ?? 0;
      return brokerName === this.brokerName && Number.isInteger(queueId) && queueId >= 0 && queueId < queues;
    });
  }
}

function answer(lockOKMQSet: MessageQueue[]): RemotingCommand {
  return createResponse(ResponseCode.SUCCESS, NO_FIELDS, undefined, encodeLockBatchResponseBody({ lockOKMQSet }));
}
