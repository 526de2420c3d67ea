import { flagOf, objectsOf, readObject, textOf, writeJson } from './json-fields.js';
import { messageQueueFrom } from './message-queue.js';
import type { MessageQueue } from './message-queue.js';

/** Body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ. */
export interface LockBatchRequestBody {
  consumerGroup: string;
  clientId: string;
  mqSet: MessageQueue[];
  onlyThisBroker?: boolean;
}

/** Body of the answer to LOCK_BATCH_MQ: the queues that the client now holds. */
export interface LockBatchResponseBody {
  lockOKMQSet: MessageQueue[];
}

export function encodeLockBatchRequestBody(body: LockBatchRequestBody): Buffer {
  return writeJson({ ...body, onlyThisBroker: body.onlyThisBroker ?? false });
}

export function decodeLockBatchRequestBody(body: Buffer): LockBatchRequestBody {
  const object = readObject(body, 'list of queues to lock');
  return {
    consumerGroup: textOf(object, 'consumerGroup'),
    clientId: textOf(object, 'clientId'),
    mqSet: objectsOf(object, 'mqSet').map(messageQueueFrom),
    onlyThisBroker: flagOf(object, 'onlyThisBroker', false),
  };
}

export function encodeLockBatchResponseBody(body: LockBatchResponseBody): Buffer {
  return writeJson(body);
}

export function decodeLockBatchResponseBody(body: Buffer): LockBatchResponseBody {
  const object = readObject(body, 'list of locked queues');
  return { lockOKMQSet: objectsOf(object, 'lockOKMQSet').map(messageQueueFrom) };
}
