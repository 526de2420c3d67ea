/** Why a message was given back while its handler was still running. The name of the class is what a dead letter shows. */
export class ConsumeTimeoutError extends Error {
  override readonly name = 'ConsumeTimeoutError';

  constructor(timeoutMillis: number) {
    super(`The handler had not settled after ${timeoutMillis} ms`);
  }
}
