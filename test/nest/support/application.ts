import type { INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MessagingModule, type MessagingModuleOptions } from '../../../lib/index.js';

const open = new Set<INestApplication>();

export interface ApplicationSettings extends ModuleMetadata {
  /** Options of the one connection; false for none. Default: a broker in memory. */
  messaging?: MessagingModuleOptions | false;
  /** What a main.ts would do between create and listen. */
  configure?: (app: INestApplication) => void;
  logger?: LoggerService | false;
}

/** A Nest application with a broker in memory, closed by `closeApplications`. */
export async function createApplication(settings: ApplicationSettings): Promise<INestApplication> {
  const { messaging, configure, logger = false, imports = [], ...metadata } = settings;
  const connection =
    messaging === false
      ? []
      : [MessagingModule.forRoot({ application: 'test', broker: { memory: true }, ...messaging })];
  const builder = Test.createTestingModule({ ...metadata, imports: [...connection, ...imports] });
  const app = (await builder.compile()).createNestApplication({ logger });
  configure?.(app);
  open.add(app);
  return app;
}

export async function startApplication(settings: ApplicationSettings): Promise<INestApplication> {
  const app = await createApplication(settings);
  await app.init();
  return app;
}

export async function closeApplications(): Promise<void> {
  const closing = [...open];
  open.clear();
  await Promise.all(closing.map((app) => app.close()));
}

/** Remembers what an application logs. */
export class LogBook implements LoggerService {
  readonly lines: { level: string; text: string }[] = [];
  log = (message: unknown): void => this.add('log', message);
  error = (message: unknown): void => this.add('error', message);
  warn = (message: unknown): void => this.add('warn', message);
  debug = (message: unknown): void => this.add('debug', message);
  verbose = (message: unknown): void => this.add('verbose', message);

  find(level: string, pattern: RegExp): string[] {
    return this.lines.filter((line) => line.level === level && pattern.test(line.text)).map((line) => line.text);
  }

  private add(level: string, message: unknown): void {
    this.lines.push({ level, text: message instanceof Error ? message.message : String(message) });
  }
}
