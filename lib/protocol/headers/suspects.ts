import { defineHeader, int, long, optionalFlag, text } from './schema.js';

/** Extension HANDLE_ALONE. */
export interface HandleAloneRequestHeader {
  consumerGroup: string;
  topic: string;
  queueId: number;
  queueOffset: number;
  /** The message has left the handler. */
  done?: boolean;
}

export const handleAlone = defineHeader<HandleAloneRequestHeader>({
  consumerGroup: text,
  topic: text,
  queueId: int,
  queueOffset: long,
  done: optionalFlag,
});
