import {
  encodeOffsetMessageId,
  type MessageQueue,
  type PackAnswerHeader,
  type RemotingCommand,
  ResponseCode,
  type SendMessageResponseHeader,
} from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import type { TopicRoute } from '../connection/topic-route.js';
import type { SendResult, SendStatus } from './messages.js';
import type { SendCall } from './send-call.js';
import { countOf, type SendUnit } from './send-unit.js';
import { Stored } from './stored.js';

const STATUS: ReadonlyMap<number, SendStatus> = new Map([
  [ResponseCode.SUCCESS, 'SEND_OK'],
  [ResponseCode.FLUSH_DISK_TIMEOUT, 'FLUSH_DISK_TIMEOUT'],
  [ResponseCode.FLUSH_SLAVE_TIMEOUT, 'FLUSH_SLAVE_TIMEOUT'],
  [ResponseCode.SLAVE_NOT_AVAILABLE, 'SLAVE_NOT_AVAILABLE'],
]);

/** Undefined for an answer that says that nothing was stored. */
export function sendStatus(code: number): SendStatus | undefined {
  return STATUS.get(code);
}

/** Makes the results of sends that were stored, and counts them. */
export class SendResults {
  /** Topics of which it was said that nobody de-duplicates them. */
  private readonly warned = new Set<string>();

  constructor(private readonly core: ClientCore) {}

  /** Of a request of its own. */
  single(
    unit: SendUnit,
    queue: MessageQueue,
    status: SendStatus,
    response: RemotingCommand,
    route: TopicRoute,
  ): SendResult {
    const header = response.header as SendMessageResponseHeader;
    this.countStored(unit, countOf(unit), route);
    if (unit.dedupId !== undefined && header.duplicate === undefined) this.notDeduplicated(unit.topic);
    return new Stored(
      status,
      header.originalId ?? unit.messageId,
      header.msgId,
      unit.topic,
      queue.brokerName,
      header.queueId,
      header.queueOffset,
      unit.batch === undefined ? undefined : [...unit.batch],
      header.duplicate,
    );
  }

  /** Of a message in a pack. */
  packed({ unit, queue, route }: SendCall, answer: PackAnswerHeader, place: number): SendResult {
    this.countStored(unit, 1, route!);
    return new Stored(
      'SEND_OK',
      unit.messageId,
      encodeOffsetMessageId(answer.storeHost, answer.physicalOffsets[place]!),
      unit.topic,
      queue!.brokerName,
      answer.queueIds[place]!,
      answer.queueOffsets[place]!,
      undefined,
      undefined,
    );
  }

  // The send has made the topic: its consumers in this client should not wait for the next refresh.
  learnRealRoute(topic: string): void {
    this.core.routes.refresh(topic).catch((error: unknown) => {
      this.core.platform.logger.debug(`The new route of ${topic} is not known yet: ${(error as Error).message}`);
    });
  }

  private countStored({ topic }: SendUnit, count: number, route: TopicRoute): void {
    this.core.counters.sent += count;
    this.core.sends.of(topic).sent += count;
    if (route.provisional) this.learnRealRoute(topic);
  }

  private notDeduplicated(topic: string): void {
    if (this.warned.has(topic)) return;
    this.warned.add(topic);
    this.core.platform.logger.warn(
      `Messages to ${topic} have a dedupId, and their broker does not de-duplicate: it is no broker of ours. Every one of them is stored.`,
    );
  }
}
