import type { LoggerService } from '@nestjs/common';
import type { Logger as EngineLogger } from '../../../lib/platform/index.js';
import type { LogLine } from './target.js';

/** Keeps what is logged. */
export class LogBook implements LoggerService {
  constructor(private readonly lines: Pick<LogLine[], 'push'>) {}
  log = (message: unknown): void => this.add('log', message);
  error = (message: unknown): void => this.add('error', message);
  warn = (message: unknown): void => this.add('warn', message);
  debug = (message: unknown): void => this.add('debug', message);
  verbose = (message: unknown): void => this.add('verbose', message);
  private add(level: string, message: unknown): void {
    this.lines.push({ level, text: message instanceof Error ? message.message : String(message) });
  }
}

/** The same for what runs without an application. */
export function engineLogger(lines: LogLine[]): EngineLogger {
  const book = new LogBook(lines);
  const add = (level: 'log' | 'warn' | 'error') => (message: string) => book[level](message);
  return { log: add('log'), warn: add('warn'), error: add('error'), debug() {}, verbose() {} };
}
