import { MessagingError } from '../protocol/index.js';

/** What the disk says about a read, as an error of ours: reading may work again, and nothing is lost by trying. */
export function readFailure(what: string, cause: unknown): MessagingError {
  if (cause instanceof MessagingError) return cause;
  return new MessagingError('BROKER_ERROR', `${what} could not be read (${String(cause)}). Check the disk.`, { cause });
}
