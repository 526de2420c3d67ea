import { recorder, type Recorder } from './recorder.js';

/** A listener on the dead letters of a group, for the same application or another one. */
export function deadLettersOf(group: string): Recorder {
  return recorder({ topic: `%DLQ%${group}`, group: `undertaker-of-${group}`, from: 'earliest' });
}

/** Why a dead letter is one, as far as its properties say. */
export function reasonOf(letters: Recorder, index = 0): { errorClass: string; message: string; attempts: number } {
  const { message } = letters.deliveries[index]!;
  return {
    errorClass: message.systemProperty('NESTMQ_DLQ_ERROR_CLASS') ?? '',
    message: message.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE') ?? '',
    attempts: Number(message.systemProperty('NESTMQ_DLQ_ATTEMPTS')),
  };
}
