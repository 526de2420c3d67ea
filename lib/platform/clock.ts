/** A timer that was asked for; cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * The only door to time. The engine never reads the machine's clock or starts a timer of its own, so that a
 * test can run hours of retries in milliseconds.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970. May jump; use it for what is stored or shown, never for time-outs. */
  now(): number;
  /** Milliseconds (fractional) from an arbitrary start; never goes back. For durations, time-outs and expiry. */
  monotonic(): number;
  /** Calls back once, no earlier than `milliseconds` from now. Delays over 2^31-1 ms are honoured. Does not keep the process alive. */
  after(milliseconds: number, callback: () => void): Timer;
  /** Calls back every `milliseconds` until cancelled. Does not keep the process alive. */
  every(milliseconds: number, callback: () => void): Timer;
  /** Resolves after `milliseconds`; rejects with the signal's reason when that is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Calls back at the end of this turn of the event loop, once what is ready now has run: the place to coalesce. */
  defer(callback: () => void): void;
  /**
   * Calls back when what runs now and all promise reactions that follow from it have run, before anything else comes in
   * from outside: the place to gather what one event has set off, without any delay.
   */
  afterJobs(callback: () => void): void;
}
