import { type ReceivedMessage, RejectMessageError } from '../client/index.js';

/** Why a message is in the dead letters: its key is known with another payload. @publicApi */
export class IdempotencyConflictError extends RejectMessageError {
  constructor(message: ReceivedMessage, key: string) {
    super(
      `message ${message.messageId} of ${message.topic} has the idempotency key ${key}, which is known with another ` +
        'payload: the sender gave one key to two different messages',
    );
  }
}

/** Why a message is in the dead letters: it has not the key by which the listener knows its messages. @publicApi */
export class IdempotencyKeyError extends RejectMessageError {
  constructor(message: ReceivedMessage, why: string) {
    super(
      `message ${message.messageId} of ${message.topic} has ${why}; send it with one, or choose another key in @Idempotent`,
    );
  }
}

/** What a duplicate of a request is replied to with, when its result was not kept. @publicApi */
export class DuplicateRequestError extends RejectMessageError {
  constructor(message: ReceivedMessage) {
    super(
      `the request ${message.messageId} of ${message.topic} was handled before, and its result was not kept; ` +
        'cacheResult: true in @Idempotent keeps results',
    );
  }
}
