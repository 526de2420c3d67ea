import { ReceivedMessage } from '../../client/index.js';
import {
  DEAD_LETTER_PREFIX,
  decodeRecords,
  ExtensionProperty,
  getProperty,
  isDeadLetterTopic,
  type MessageRecord,
  type PullMessageResponseHeader,
  PropertyName,
  PullSysFlag,
  RequestCode,
  TRANSACTION_DEAD_LETTER_TOPIC,
} from '../../protocol/index.js';
import type { MessageConverter } from '../payload/index.js';
import type { Journal } from './journal.js';
import type { TestBroker } from './test-broker.js';

const GROUP = 'nestmq-test-kit';
const PER_PULL = 1024;

/**
 * Enters into the journal what has come to the dead letters of a broker since it last looked: those of consumer groups,
 * and transactions that nobody ever settled, as those of their producer group.
 */
export class DeadLetterLog {
  /** Per topic, how many have been seen. */
  private readonly seen = new Map<string, number>();
  private readonly bare: TestBroker;

  constructor(
    private readonly broker: TestBroker,
    private readonly journal: Journal,
    private readonly converter: MessageConverter,
  ) {
    this.bare = broker.bare;
  }

  async read(): Promise<void> {
    for (const { name, ends } of this.broker.topics()) {
      const [end = 0] = ends;
      const seen = this.seen.get(name) ?? 0;
      if (end === seen) continue;
      if (isDeadLetterTopic(name)) {
        const group = name.slice(DEAD_LETTER_PREFIX.length);
        for (const record of await this.records(this.broker, name, seen, end)) this.enter(group, record);
      } else if (name === TRANSACTION_DEAD_LETTER_TOPIC) {
        // Shared by all namespaces: read under the names that tell whose they are.
        for (const record of await this.records(this.bare, name, seen, end)) this.enterTransaction(record);
      } else continue;
      this.seen.set(name, end);
    }
  }

  private async records(broker: TestBroker, topic: string, from: number, end: number): Promise<MessageRecord[]> {
    const found: MessageRecord[] = [];
    for (let offset = from; offset < end;) {
      const response = await broker.ask(RequestCode.PULL_MESSAGE, {
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

  private enterTransaction(record: MessageRecord): void {
    const group = getProperty(record.properties, PropertyName.PRODUCER_GROUP) ?? '';
    if (!this.broker.owns(group)) return;
    const properties = this.broker.ownProperties(record.properties);
    this.enter(getProperty(properties, PropertyName.PRODUCER_GROUP) ?? '', { ...record, properties });
  }

  private enter(group: string, record: MessageRecord): void {
    const { properties, body, queueOffset } = record;
    const property = (name: string): string | undefined => getProperty(properties, name);
    const attempts = Number(property(ExtensionProperty.DLQ_ATTEMPTS) ?? 1);
    const topic = property(ExtensionProperty.DLQ_TOPIC) ?? record.topic;
    const view = { topic: record.topic, brokerName: this.broker.name, attempt: 1, body, queueOffset, properties };
    const message = new ReceivedMessage(record, view);
    this.journal.addDeadLetter(
      {
        broker: this.broker.name,
        group,
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
