import { type BatchItem, joinedProperties } from '../protocol/index.js';
import type { StoreMessage, StoreMessages } from '../store/index.js';

/** A message with nothing unusual about it, its properties in parts. A class for the same reason as PackedMessage. */
export class PlainMessage implements StoreMessage {
  flag = 0;
  sysFlag = 0;
  reconsumeTimes = 0;
  preparedTransactionOffset = 0;

  constructor(
    public topic: string,
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

/** The messages of a batch where nothing is unusual and all have the same rest of their properties. */
export class PlainBatch implements StoreMessages {
  private readonly message: PlainMessage;

  constructor(
    topic: string,
    queueId: number,
    bornTimestamp: number,
    bornHost: string,
    rest: string,
    private readonly items: readonly BatchItem[],
  ) {
    const { idBegin, idEnd, body } = items[0]!;
    this.message = new PlainMessage(topic, queueId, bornTimestamp, bornHost, idBegin!, idEnd!, rest, body);
  }

  get length(): number {
    return this.items.length;
  }

  /** The same object every time. */
  at(place: number): PlainMessage {
    const { message } = this;
    const item = this.items[place]!;
    message.flag = item.flag ?? 0;
    message.idBegin = item.idBegin!;
    message.idEnd = item.idEnd!;
    message.body = item.body;
    return message;
  }
}
