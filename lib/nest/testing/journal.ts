import type {
  InterceptedCall,
  OutgoingMessage,
  ReceivedMessage,
  SendResult,
  Settlement,
  TransactionSendResult,
} from '../../client/index.js';
import { type OutcomeCounts, outcomeOf } from '../../client/index.js';
import type { MessageConverter } from '../payload/index.js';
import { Destinations } from '../template/destination.js';
import type {
  ConsumedFilter,
  ConsumedMessage,
  DeadLetter,
  DeliveryOutcome,
  SentFilter,
  SentMessage,
} from './entries.js';

/** Whose messages they are. */
export interface Origin {
  readonly application: string;
  readonly connection: string;
  readonly broker: string;
  readonly converter: MessageConverter;
}

/** What has happened to messages, in order. */
export class Journal {
  private readonly destinations = new Destinations();
  private sends: SentMessage[] = [];
  private deliveries: ConsumedMessage[] = [];
  private letters: DeadLetter[] = [];

  sent(destination: string | undefined, filter: SentFilter): SentMessage[] {
    const matches = this.matcher(destination);
    const { failed, ...rest } = filter;
    return this.sends.filter(
      (entry) =>
        matches(entry) && agrees(entry, rest) && (failed === undefined || (entry.error !== undefined) === failed),
    );
  }

  consumed(destination: string | undefined, filter: ConsumedFilter): ConsumedMessage[] {
    const matches = this.matcher(destination);
    return this.deliveries.filter((entry) => matches(entry) && agrees(entry, filter));
  }

  deadLettered(group: string | undefined): DeadLetter[] {
    return this.letters.filter((entry) => group === undefined || entry.group === group);
  }

  clear(): void {
    this.sends = [];
    this.deliveries = [];
    this.letters = [];
  }

  addSend(
    origin: Origin,
    messages: readonly OutgoingMessage[],
    oneWay: boolean,
    at: number,
    outcome: { readonly result?: SendResult; readonly error?: unknown },
  ): void {
    const { result, error } = outcome;
    messages.forEach((message, index) => {
      const { topic, tag, keys = [], properties = {}, body, contentType, shardingKey, delay } = message;
      this.sends.push(
        withPayload(
          {
            application: origin.application,
            connection: origin.connection,
            broker: origin.broker,
            topic,
            tag,
            keys,
            properties,
            body,
            contentType,
            shardingKey,
            deliverAt: delay !== undefined && 'deliverAt' in delay ? new Date(delay.deliverAt) : undefined,
            delayLevel: delay !== undefined && 'level' in delay ? delay.level : undefined,
            oneWay,
            transactionState: (result as Partial<TransactionSendResult> | undefined)?.transactionState,
            batchSize: messages.length,
            sentAt: new Date(at),
            messageId: result?.messageIds?.[index] ?? result?.messageId,
            result,
            error,
          },
          () => origin.converter.decode(body, contentType, undefined),
        ),
      );
    });
  }

  addDelivery(
    origin: Origin,
    call: InterceptedCall,
    message: ReceivedMessage,
    settlement: Settlement,
    at: number,
  ): void {
    this.deliveries.push(
      withPayload(
        {
          application: origin.application,
          connection: origin.connection,
          broker: origin.broker,
          group: call.group,
          mode: call.mode,
          listener: call.listener,
          topic: message.topic,
          tag: message.tag,
          messageId: message.messageId,
          message,
          attempt: message.attempt,
          outcome: OUTCOMES[outcomeOf(call, message, settlement)],
          error: settlement.kind === 'acknowledge' ? undefined : settlement.error,
          retryDelay: 'delayMillis' in settlement ? settlement.delayMillis : undefined,
          settledAt: new Date(at),
        },
        () => origin.converter.decode(message.body, message.contentType, undefined),
      ),
    );
  }

  addDeadLetter(letter: Omit<DeadLetter, 'payload'>, payload: () => unknown): void {
    this.letters.push(withPayload(letter, payload));
  }

  private matcher(destination: string | undefined): (entry: { topic: string; tag: string | undefined }) => boolean {
    if (destination === undefined) return () => true;
    const { topic, tag } = this.destinations.parse(destination);
    return (entry) => entry.topic === topic && (tag === undefined || entry.tag === tag);
  }
}

const OUTCOMES: Readonly<Record<keyof OutcomeCounts, DeliveryOutcome>> = {
  acknowledged: 'acknowledged',
  retried: 'retried',
  deadLettered: 'dead-lettered',
  failed: 'failed',
  postponed: 'postponed',
};

function agrees(entry: object, filter: object): boolean {
  return Object.entries(filter).every(
    ([name, value]) => value === undefined || (entry as Record<string, unknown>)[name] === value,
  );
}

/** Decoded when somebody looks. Enumerable and the entry's own, so that `toMatchObject({ payload })` sees it. */
function withPayload<E extends { body: Buffer } | { message: ReceivedMessage }>(
  entry: E,
  decode: () => unknown,
): E & { readonly payload: unknown } {
  let decoded: { readonly value: unknown } | undefined;
  const value = (): unknown => {
    try {
      return decode();
    } catch {
      // What cannot be read is shown as it is: an undecodable message is among what a test looks at.
      return 'body' in entry ? entry.body : entry.message.body;
    }
  };
  return Object.defineProperty(entry, 'payload', {
    enumerable: true,
    get: () => (decoded ??= { value: value() }).value,
  }) as E & { readonly payload: unknown };
}
