import type { Platform } from '../../platform/index.js';
import { decodeOffsetMessageId, getProperty, MessagingError, PropertyName } from '../../protocol/index.js';
import type { ReceivedMessage } from '../consumer/received-message.js';
import { outcomeOf } from '../intercept-listener.js';
import type { ClientInterceptor, InterceptedCall } from '../interceptor.js';
import type { OutgoingMessage, SendResult } from '../producer/messages.js';
import type { SendUnit } from '../producer/send-unit.js';
import { isPostponement, isRejection, isRetryLater } from '../settle/control-errors.js';
import type { Settlement } from '../settle/settle.js';
import { isSampled } from './sampled.js';
import { TraceOutbox } from './trace-outbox.js';
import type { TraceSettings } from './trace-settings.js';
import { CallCode, TracedKind } from './trace-record.js';

/** What a tracer needs of its client. */
export interface TracedClient {
  readonly clientId: string;
  readonly producerGroup: string;
  createId(): string;
  /** A send that is itself not traced. */
  send(message: OutgoingMessage): Promise<unknown>;
}

/** Writes down what becomes of messages in this client, in RocketMQ's format, and sends it to the trace topic. */
export class MessageTracer implements Required<Pick<ClientInterceptor, 'handle' | 'transact'>> {
  private readonly outbox: TraceOutbox;

  constructor(
    private readonly settings: TraceSettings,
    private readonly client: TracedClient,
    private readonly platform: Platform,
  ) {
    this.outbox = new TraceOutbox(platform, settings.topic, (message) => client.send(message));
  }

  /** Of a send that has begun: each unit is one message. */
  sent(units: readonly SendUnit[], sending: Promise<SendResult | undefined>): void {
    if (units[0]?.topic === this.settings.topic) return;
    const { clock } = this.platform;
    const at = clock.now();
    const begun = clock.monotonic();
    const cost = (): number => Math.round(clock.monotonic() - begun);
    sending.then(
      (result) => units.forEach((unit, index) => this.noteSend(unit, index, at, cost(), result, undefined)),
      (error: unknown) => units.forEach((unit, index) => this.noteSend(unit, index, at, cost(), undefined, error)),
    );
  }

  readonly handle = async (
    call: InterceptedCall,
    proceed: () => Promise<readonly Settlement[]>,
  ): Promise<readonly Settlement[]> => {
    const traced = call.messages.map((message) => this.isWanted(message));
    if (!traced.includes(true)) return proceed();
    const { clock } = this.platform;
    const callId = this.client.createId();
    const begun = clock.monotonic();
    call.messages.forEach((message, index) => {
      if (traced[index]) this.noteCall(call, message, callId);
    });
    const settlements = await proceed();
    const cost = Math.round(clock.monotonic() - begun);
    call.messages.forEach((message, index) => {
      if (traced[index]) this.noteOutcome(call, message, callId, cost, settlements[index]!);
    });
    return settlements;
  };

  readonly transact: NonNullable<ClientInterceptor['transact']> = async ({ group, what, message }, proceed) => {
    if (!this.isWanted(message)) return proceed();
    let state: unknown = 'UNKNOWN';
    try {
      return (state = await proceed()) as Awaited<ReturnType<typeof proceed>>;
    } finally {
      this.outbox.add({
        type: 'EndTransaction',
        at: this.platform.clock.now(),
        group,
        topic: message.topic,
        messageId: message.messageId,
        tag: message.tag ?? '',
        keys: message.keys.join(' '),
        storeHost: hostOf(message.offsetMessageId),
        transactionId: message.messageId,
        state: state === 'COMMIT' || state === 'ROLLBACK' ? state : 'UNKNOWN',
        fromCheck: what === 'check',
      });
    }
  };

  /** Sends what waits, within the budget. Never rejects. */
  close(budgetMillis: number): Promise<void> {
    return this.outbox.close(budgetMillis);
  }

  private noteSend(
    unit: SendUnit,
    index: number,
    at: number,
    cost: number,
    result: SendResult | undefined,
    error: unknown,
  ): void {
    const duplicate = result?.duplicate === true;
    // A duplicate belongs to the trace of the message that is there.
    const messageId = duplicate ? result.messageId : unit.messageId;
    if (!isSampled(messageId, this.settings.sample)) return;
    // A batch has its places in one text.
    const offsetMessageId = result?.offsetMessageId.split(',')[index] ?? '';
    this.outbox.add({
      type: 'Pub',
      at,
      group: unit.transactionGroup ?? this.client.producerGroup,
      topic: unit.topic,
      messageId,
      tag: getProperty(unit.properties, PropertyName.TAGS) ?? '',
      keys: getProperty(unit.properties, PropertyName.KEYS) ?? '',
      storeHost: hostOf(offsetMessageId),
      bodyBytes: unit.body.length,
      cost,
      kind: kindOf(unit),
      offsetMessageId,
      success: error === undefined,
      client: this.client.clientId,
      outcome:
        error === undefined ? (duplicate ? 'duplicate' : result === undefined ? 'sent' : 'stored') : codeOf(error),
    });
  }

  private noteCall({ group }: InterceptedCall, message: ReceivedMessage, callId: string): void {
    this.outbox.add({
      type: 'SubBefore',
      at: this.platform.clock.now(),
      group,
      callId,
      messageId: message.messageId,
      retries: message.attempt - 1,
      keys: message.keys.join(' '),
      client: this.client.clientId,
    });
  }

  private noteOutcome(
    call: InterceptedCall,
    message: ReceivedMessage,
    callId: string,
    cost: number,
    settlement: Settlement,
  ): void {
    this.outbox.add({
      type: 'SubAfter',
      callId,
      messageId: message.messageId,
      cost,
      success: settlement.kind === 'acknowledge',
      keys: message.keys.join(' '),
      code: callCode(settlement),
      at: this.platform.clock.now(),
      group: call.group,
      outcome: outcomeOf(call, message, settlement),
    });
  }

  /** Not what somebody does with the trace itself: it would never end. Nor what a broker has said not to trace. */
  private isWanted(message: ReceivedMessage): boolean {
    return (
      message.topic !== this.settings.topic &&
      isSampled(message.messageId, this.settings.sample) &&
      message.systemProperty(PropertyName.TRACE_SWITCH) !== 'false'
    );
  }
}

function kindOf(unit: SendUnit): number {
  if (unit.transactionGroup !== undefined) return TracedKind.HALF;
  if (unit.delayed) return TracedKind.DELAYED;
  return unit.shardingKey === undefined ? TracedKind.NORMAL : TracedKind.ORDERED;
}

function callCode(settlement: Settlement): number {
  if (settlement.kind === 'acknowledge') return CallCode.SUCCESS;
  const { error } = settlement;
  const meant = isRejection(error) || isRetryLater(error) || isPostponement(error);
  return meant ? CallCode.FAILED : CallCode.EXCEPTION;
}

function codeOf(error: unknown): string {
  return error instanceof MessagingError ? error.code : 'failed';
}

function hostOf(offsetMessageId: string): string {
  try {
    return offsetMessageId === '' ? '' : decodeOffsetMessageId(offsetMessageId).host;
  } catch {
    // Of a proxy, which names places in its own way.
    return '';
  }
}
