import { isConflict } from '../database-error.js';

const MOST_TRIES = 4;

/**
 * Once more, and again, when the database has ended the transaction in favour of another one, which by then is over: what
 * was undone is undone as a whole. At once, because whoever was let through needs no time that we would have to guess.
 */
export async function retryConflicts<T>(step: () => Promise<T>, mayRetry = (): boolean => true): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await step();
    } catch (error) {
      if (tries === MOST_TRIES || !mayRetry() || !isConflict(error)) throw error;
    }
  }
}
