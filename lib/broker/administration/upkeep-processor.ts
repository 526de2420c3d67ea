import { type RemotingCommand, RequestCode } from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import { answerLater, success } from '../answers.js';
import type { AdminParts, Handlers } from './parts.js';

/** What the broker does by itself from time to time, done now. */
export class UpkeepProcessor {
  constructor(private readonly parts: AdminParts) {}

  get handlers(): Handlers {
    return [
      [RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE, this.expire],
      [RequestCode.DELETE_EXPIRED_COMMITLOG, this.expire],
      [RequestCode.CLEAN_UNUSED_TOPIC, this.tidy],
    ];
  }

  /** What expires of the log takes its entries in the queues along, so the two orders are one. */
  private readonly expire = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    answerLater(this.parts.store.expire(), respond, () => success());
  };

  private readonly tidy = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    answerLater(this.parts.store.tidy(), respond, () => success());
  };
}
