import {
  deadLetterTopic,
  type DeadLetterStatesRequestHeader,
  type MarkDeadLettersRequestHeader,
  MessagingError,
  readJson,
  type RemotingCommand,
} from '../protocol/index.js';
import type { Channel, Respond } from '../remoting/index.js';
import { LetterState, type MessageStore, type TopicConfig } from '../store/index.js';
import { answerLater, success } from './answers.js';
import type { OffsetBook } from './offset-book.js';

const MOST_MARKS = 10_000;
const MOST_STATES = 65_536;
const STATES: ReadonlySet<number> = new Set(Object.values(LetterState));

/** MARK_DEAD_LETTERS and DEAD_LETTER_STATES: which dead letters of a group were resent or removed. */
export class LetterProcessor {
  constructor(
    private readonly store: MessageStore,
    private readonly offsets: OffsetBook,
  ) {}

  readonly mark = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { consumerGroup, queueId, state } = request.header as MarkDeadLettersRequestHeader;
    const topic = this.letters(consumerGroup, queueId);
    if (!STATES.has(state)) {
      throw new MessagingError('BAD_ARGUMENT', `A dead letter is open (0), resent (1) or removed (2), not ${state}.`);
    }
    const offsets = readOffsets(request.body);
    const end = this.store.maxOffset(topic.name, queueId);
    const beyond = offsets.find((offset) => offset >= end);
    if (beyond !== undefined) {
      throw new MessagingError(
        'OFFSET_OUT_OF_RANGE',
        `Queue ${queueId} of ${topic.name} ends at ${end}: there is no dead letter ${beyond} to be marked.`,
      );
    }
    const first = this.store.minOffset(topic.name, queueId);
    const kept = offsets.filter((offset) => offset >= first);
    const marked = this.store.settled.mark(topic.number, queueId, kept, state as LetterState, first);
    answerLater(marked, respond, () => success());
  };

  readonly states = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { consumerGroup, queueId, queueOffset, count } = request.header as DeadLetterStatesRequestHeader;
    const { number } = this.letters(consumerGroup, queueId);
    if (!(queueOffset >= 0 && count >= 0 && count <= MOST_STATES)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The states of ${count} dead letters from ${queueOffset} on cannot be asked for; at most ${MOST_STATES} at a time.`,
      );
    }
    respond(success(this.store.settled.states(number, queueId, queueOffset, count)));
  };

  private letters(group: string, queueId: number): TopicConfig {
    return this.offsets.queueOf(deadLetterTopic(group), queueId);
  }
}

function readOffsets(body: Buffer | undefined): number[] {
  const value = body === undefined ? undefined : readJson(body, { maxValues: MOST_MARKS + 1 });
  const isOffset = (item: unknown): item is number => Number.isSafeInteger(item) && (item as number) >= 0;
  if (Array.isArray(value) && value.every(isOffset)) return value;
  throw new MessagingError('BAD_ARGUMENT', 'The body should be an array of offsets of dead letters.');
}
