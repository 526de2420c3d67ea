import { type AlikeBatch, joinedProperties } from '../protocol/index.js';
import type { StoreMessage, StoreMessages, TopicConfig } from '../store/index.js';

/** A message with nothing unusual about it, its properties in parts. A class for the same reason as PackedMessage. */
export class PlainMessage implements StoreMessage {
  flag = 0;
  sysFlag = 0;
  reconsumeTimes = 0;
  preparedTransactionOffset = 0;

  constructor(
    public topic: string,
    public topicNumber: number,
    public queueId: number,
    public bornTimestamp: number,
    public bornHost: string,
    public idBegin: string,
    public idEnd: number,
    public rest: string,
    public body: Buffer,
  ) {}

  get properties(): string {
    return joinedProperties(this.idBegin, this.idEnd, this.rest);
  }
}

/** A batch whose messages have nothing unusual about them. */
export class PlainBatch implements StoreMessages {
  private readonly message: PlainMessage;

  /** @param alike With properties as they are kept. */
  constructor(
    topic: TopicConfig,
    queueId: number,
    bornTimestamp: number,
    bornHost: string,
    readonly alike: AlikeBatch,
  ) {
    const { idBegin, firstIdEnd, rest, bodies } = alike;
    const { name, number } = topic;
    const body = bodies.body(0);
    this.message = new PlainMessage(name, number, queueId, bornTimestamp, bornHost, idBegin, firstIdEnd, rest, body);
  }

  get length(): number {
    return this.alike.length;
  }

  /** The same object every time. */
  at(place: number): PlainMessage {
    const { message, alike } = this;
    message.idEnd = alike.idEnd(place);
    message.body = alike.bodies.body(place);
    return message;
  }
}
