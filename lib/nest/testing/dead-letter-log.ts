import { ReceivedMessage } from '../../client/index.js';
import {
  DEAD_LETTER_PREFIX,
  decodeRecords,
  ExtensionProperty,
  getProperty,
  isDeadLetterTopic,
  type MessageRecord,
  type PullMessageResponseHeader,
  PullSysFlag,
  RequestCode,
} from '../../protocol/index.js';
import type { MessageConverter } from '../payload/index.js';
import type { Journal } from './journal.js';
import type { TestBroker } from './test-broker.js';

const GROUP = 'nestmq-test-kit';
const PER_PULL = 1024;

/** Enters into the journal what has come to the dead letters of a broker since it last looked. */
export class DeadLetterLog {
  /** Per topic, how many have been seen. */
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly broker: TestBroker,
    private readonly journal: Journal,
    private readonly converter: MessageConverter,
  ) {}

  async read(): Promise<void> {
    for (const { name, ends } of this.broker.topics()) {
      const [end = 0] = ends;
      if (!isDeadLetterTopic(name) || end === (this.seen.get(name) ?? 0)) continue;
      for (const record of await this.records(name, this.seen.get(name) ?? 0, end)) this.enter(record);
      this.seen.set(name, end);
    }
  }

  private async records(topic: string, from: number, end: number): Promise<MessageRecord[]> {
    const found: MessageRecord[] = [];
    for (let offset = from; offset < end;) {
      const response = await this.broker.ask(RequestCode.PULL_MESSAGE, {
        consumerGroup: GROUP,
        topic,
        queueId: 0,
        queueOffset: offset,
        maxMsgNums: PER_PULL,
        sysFlag: PullSysFlag.SUBSCRIPTION,
        commitOffset: 0,
        suspendTimeoutMillis: 0,
        subVersion: 0,
        subscription: '*',
        expressionType: 'TAG',
        maxMsgBytes: undefined,
      });
      found.push(...decodeRecords(response.body!));
      offset = (response.header as PullMessageResponseHeader).nextBeginOffset;
    }
    return found;
  }

  private enter(record: MessageRecord): void {
    const { properties, body, queueOffset } = record;
    const property = (name: string): string | undefined => getProperty(properties, name);
    const attempts = Number(property(ExtensionProperty.DLQ_ATTEMPTS) ?? 1);
    const topic = property(ExtensionProperty.DLQ_TOPIC) ?? record.topic;
    const view = { topic: record.topic, brokerName: this.broker.name, attempt: 1, body, queueOffset, properties };
    const message = new ReceivedMessage(record, view);
    this.journal.addDeadLetter(
      {
        broker: this.broker.name,
        group: record.topic.slice(DEAD_LETTER_PREFIX.length),
        topic,
        tag: message.tag,
        messageId: message.messageId,
        message,
        errorClass: property(ExtensionProperty.DLQ_ERROR_CLASS),
        reason: property(ExtensionProperty.DLQ_ERROR_MESSAGE),
        attempts,
      },
      () => this.converter.decode(message.body, message.contentType, undefined),
    );
  }
}
