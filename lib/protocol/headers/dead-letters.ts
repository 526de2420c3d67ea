import { defineHeader, int, long, text } from './schema.js';

/** Extension MARK_DEAD_LETTERS. The body is a JSON array of offsets in the queue. */
export interface MarkDeadLettersRequestHeader {
  consumerGroup: string;
  queueId: number;
  /** 0 open, 1 resent, 2 removed. */
  state: number;
}

/** Extension DEAD_LETTER_STATES. The answer's body has one byte a letter: 0 open, 1 resent, 2 removed. */
export interface DeadLetterStatesRequestHeader {
  consumerGroup: string;
  queueId: number;
  /** Of the first letter that is asked for. */
  queueOffset: number;
  count: number;
}

export const markDeadLetters = defineHeader<MarkDeadLettersRequestHeader>({
  consumerGroup: text,
  queueId: int,
  state: int,
});

export const deadLetterStates = defineHeader<DeadLetterStatesRequestHeader>({
  consumerGroup: text,
  queueId: int,
  queueOffset: long,
  count: int,
});
