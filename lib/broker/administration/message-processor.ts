import {
  type ConsumeQueueRequestHeader,
  encodeConsumeQueue,
  decodeOffsetMessageId,
  MessagingError,
  type RemotingCommand,
  RequestCode,
  type ResumeHalfRequestHeader,
  TRANSACTION_DEAD_LETTER_TOPIC,
  type ViewMessageRequestHeader,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import type { MessageStore } from '../../store/index.js';
import { answerLater, success } from '../answers.js';
import { resumedHalf } from '../transactions/half-message.js';
import { subscriptionsOf } from './connection-processor.js';
import type { AdminParts, Handlers } from './parts.js';

/** Entries of one answer to QUERY_CONSUME_QUEUE. */
const MOST_ENTRIES = 10_000;

/** Single messages and places of the log. */
export class MessageProcessor {
  constructor(private readonly parts: AdminParts) {}

  get handlers(): Handlers {
    return [
      [RequestCode.VIEW_MESSAGE_BY_ID, this.view],
      [RequestCode.QUERY_CONSUME_QUEUE, this.queueEntries],
      [RequestCode.RESUME_CHECK_HALF_MESSAGE, this.resumeHalf],
    ];
  }

  private readonly view = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { offset } = request.header as ViewMessageRequestHeader;
    answerLater(recordBytes(this.parts.store, offset), respond, success);
  };

  private readonly queueEntries = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { topic, queueId, index, count, consumerGroup } = request.header as ConsumeQueueRequestHeader;
    const { store, offsets, consumers } = this.parts;
    offsets.queueOf(topic, queueId);
    const named = consumerGroup !== undefined && consumerGroup !== '';
    const group = named ? consumers.group(consumerGroup) : undefined;
    const subscriptionData = group && subscriptionsOf(group).get(topic);
    const filterData = named && subscriptionData === undefined ? `${consumerGroup}@${topic} is not online!` : undefined;
    const most = Math.max(0, Math.min(count, MOST_ENTRIES));
    answerLater(store.queueEntries(topic, queueId, index, most), respond, (entries) =>
      success(
        encodeConsumeQueue({
          queueData: entries.map(({ physicalOffset, size, tagsCode }) => {
            return { physicOffset: physicalOffset, physicSize: size, tagsCode };
          }),
          maxQueueIndex: store.maxOffset(topic, queueId),
          minQueueIndex: store.minOffset(topic, queueId),
          subscriptionData,
          filterData,
        }),
      ),
    );
  };

  private readonly resumeHalf = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { msgId = '' } = request.header as ResumeHalfRequestHeader;
    const { physicalOffset } = decodeOffsetMessageId(msgId);
    answerLater(this.resume(physicalOffset), respond, () => success());
  };

  /** The producers are asked anew, as often as about a new one. */
  private async resume(physicalOffset: number): Promise<void> {
    const { store } = this.parts;
    const letter = await store.recordAt(physicalOffset);
    const half = letter.topic === TRANSACTION_DEAD_LETTER_TOPIC ? resumedHalf(letter) : undefined;
    if (half === undefined) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The message at ${physicalOffset} is no half message that was given up: those lie in ${TRANSACTION_DEAD_LETTER_TOPIC}.`,
      );
    }
    await store.putAsync(half);
  }
}

/** One stored message, whole. @throws MessagingError OFFSET_OUT_OF_RANGE, RECORD_INVALID. */
export async function recordBytes(store: MessageStore, physicalOffset: number): Promise<Buffer> {
  const record = await store.recordAt(physicalOffset);
  const { topic, queueId, queueOffset } = record;
  const read = await store.read({ topic, queueId, offset: queueOffset, maxMessages: 1, maxBytes: record.size });
  if (read.chunks.length === 0) {
    throw new MessagingError('OFFSET_OUT_OF_RANGE', `The message at ${physicalOffset} is no longer in its queue.`);
  }
  return read.chunks.length === 1 ? read.chunks[0]! : Buffer.concat(read.chunks);
}
