import type { INestApplicationContext, ModuleMetadata, Type } from '@nestjs/common';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import { MessageListenerRegistry, type MessagingConnectionOptions, MessagingTemplate } from '../../lib/index.js';
import type { LogLine, OpenTarget } from './targets/target.js';
import type { Recorder } from './recorder.js';

/** What an application of a behaviour is made of. */
export interface ApplicationSpec extends ModuleMetadata {
  /** Default: `test`. */
  application?: string;
  /** Further options of the one connection. */
  options?: MessagingConnectionOptions;
  /** It is a microservice with this strategy. */
  strategy?: CustomTransportStrategy;
}

/** A started application and what a behaviour needs of it. */
export interface Application {
  readonly context: INestApplicationContext;
  readonly template: MessagingTemplate;
  readonly listeners: MessageListenerRegistry;
  get<T>(token: Type<T> | string | symbol): T;
  close(): Promise<void>;
}

/** A broker of its own, the applications of one behaviour, and time. */
export class World {
  private readonly applications = new Set<Application>();

  constructor(private readonly target: OpenTarget) {}

  /** What the applications and the broker have logged. */
  get log(): readonly LogLine[] {
    return this.target.log;
  }

  /** Milliseconds by which things may be late here beside what a behaviour allows. */
  get slack(): number {
    return this.target.slack;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.target.now();
  }

  /** Starts an application: recorders and other classes are its providers. */
  async start(...parts: readonly (Recorder | Type | ApplicationSpec)[]): Promise<Application> {
    const spec: ApplicationSpec = { providers: [] };
    const providers: NonNullable<ModuleMetadata['providers']> = [];
    for (const part of parts) {
      if (typeof part === 'function') providers.push(part);
      else if ('listenerClass' in part) providers.push(part.listenerClass);
      else {
        providers.push(...(part.providers ?? []));
        Object.assign(spec, part);
      }
    }
    const context = await this.target.createApplication({ ...spec, providers });
    const application: Application = {
      context,
      template: context.get(MessagingTemplate, { strict: false }),
      listeners: context.get(MessageListenerRegistry, { strict: false }),
      get: (token) => context.get(token, { strict: false }),
      close: async () => {
        if (this.applications.delete(application)) await this.target.passing(context.close());
      },
    };
    this.applications.add(application);
    return application;
  }

  /** Lets time pass until the condition holds; fails naming it when it does not within `limit` milliseconds. */
  until(condition: () => boolean, what: string, limit = 60_000): Promise<void> {
    return this.target.until(condition, what, limit);
  }

  /** Lets so many milliseconds pass, and what is due in them happen. */
  pass(milliseconds: number): Promise<void> {
    return this.target.pass(milliseconds);
  }

  /** Lets everything happen that needs no time: for showing that something does not. */
  quiet(): Promise<void> {
    return this.target.quiet();
  }

  /** Asks until the answer is good, for as long as things may be late here, and gives the last answer. */
  async soon<T>(ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
    const until = this.now() + this.slack;
    for (;;) {
      const answer = await this.passing(ask());
      if (good(answer) || this.now() >= until) return answer;
      await this.pass(50);
    }
  }

  /** Awaits what only ends when time passes. */
  passing<T>(promise: Promise<T>): Promise<T> {
    return this.target.passing(promise);
  }

  /** Closes all applications, stops the broker in order and starts it again on what it stored. */
  async restart(): Promise<void> {
    await this.closeApplications();
    await this.target.restart('orderly');
  }

  /** The machine loses power: applications and broker are gone, with everything that is not on the disk. */
  async crash(): Promise<void> {
    const gone = [...this.applications];
    this.applications.clear();
    await this.target.restart('crash');
    for (const { context } of gone) await this.target.passing(context.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.closeApplications();
    await this.target.close();
  }

  private async closeApplications(): Promise<void> {
    for (const application of [...this.applications].reverse()) await application.close();
  }
}
