/** What is held against the first messages of a queue: processes died with them unsettled. */
export interface Suspicion {
  /** How often. */
  readonly deaths: number;
  /** The first offset that is not suspected. */
  readonly until: number;
  /** The message that was alone in a handler when the process died. */
  readonly killer: number | undefined;
  /** Resolves when a crash would not make forget that this message is alone in a handler now, or has left it. */
  announce(offset: number, done: boolean): Promise<void>;
  /** Resolves when a crash would not take the position back, or when the signal fires. Never rejects. */
  leaveBehind(position: number, stopping: AbortSignal): Promise<void>;
}
