/** Nest's levels. A message names what, where and how to mend it; bodies of messages are never logged. */
export interface Logger {
  error(message: string, cause?: unknown): void;
  warn(message: string): void;
  log(message: string): void;
  debug(message: string): void;
  verbose(message: string): void;
}
