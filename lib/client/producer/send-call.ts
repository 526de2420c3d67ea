import type { MessageQueue, MessagingError, RemotingCommand } from '../../protocol/index.js';
import type { Asker } from '../../remoting/index.js';
import type { TopicRoute } from '../connection/topic-route.js';
import type { SendResult } from './messages.js';
import type { SendUnit } from './send-unit.js';

/** Counts what is under way to one broker. */
export interface UnderWay {
  settled(sends: number): void;
}

/** Who is told what became of a first attempt. */
export interface FirstAttempts {
  answered(call: SendCall, error: MessagingError | undefined, response: RemotingCommand | undefined): void;
}

/** A send under way: all that has to be known of it when its answer comes, in one object. */
export class SendCall implements Asker {
  queue: MessageQueue | undefined = undefined;
  route: TopicRoute | undefined = undefined;
  /** What it counts for by itself; undefined when it travels in a pack. */
  underWay: UnderWay | undefined = undefined;
  /** On the monotonic clock, in whole milliseconds. */
  startedAt = 0;

  constructor(
    private readonly attempts: FirstAttempts,
    readonly unit: SendUnit,
    readonly ordered: number | undefined,
    readonly resolve: (result: SendResult) => void,
    readonly reject: (error: Error) => void,
  ) {}

  answered(error: MessagingError | undefined, response: RemotingCommand | undefined): void {
    this.underWay?.settled(1);
    this.attempts.answered(this, error, response);
  }
}
