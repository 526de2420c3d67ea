import type { Logger } from './logger.js';

const LEVELS = ['error', 'warn', 'log', 'debug', 'verbose'] as const;

export type LogLevel = (typeof LEVELS)[number];

/** Writes to the console; what is less important than `level` (default `log`) is dropped. */
export class ConsoleLogger implements Logger {
  private readonly least: number;

  constructor(level: LogLevel = 'log') {
    this.least = LEVELS.indexOf(level);
  }

  error(message: string, cause?: unknown): void {
    if (cause === undefined) console.error(this.line('error', message));
    else console.error(this.line('error', message), cause);
  }

  warn(message: string): void {
    if (this.least >= 1) console.warn(this.line('warn', message));
  }

  log(message: string): void {
    if (this.least >= 2) console.log(this.line('log', message));
  }

  debug(message: string): void {
    if (this.least >= 3) console.debug(this.line('debug', message));
  }

  verbose(message: string): void {
    if (this.least >= 4) console.debug(this.line('verbose', message));
  }

  private line(level: LogLevel, message: string): string {
    // Names from the wire end up in messages: a line break in one would forge a second log line.
    return `[nestmq] ${new Date().toISOString()} ${level.toUpperCase()} ${message.replaceAll(/[\r\n\u001b]+/g, ' ')}`;
  }
}
