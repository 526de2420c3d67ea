import { Logger } from '@nestjs/common';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import type { MessagingClient as EngineClient } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import { ConnectionEnvironment } from '../connection/connection-environment.js';
import { MessagingConnection } from '../connection/messaging-connection.js';
import { EventBook } from './event-book.js';
import { GroupSet } from './group-set.js';
import { defineHandlers, type RegisteredHandler } from './handler-definition.js';
import { MESSAGING_TRANSPORT } from './messaging-transport.js';
import type { AroundCall } from './pattern-handler.js';
import { watchRpcCalls } from './rpc-passage.js';
import { type MessagingServerOptions, type ResolvedServerOptions, resolveServerOptions } from './server-options.js';

/** @publicApi */
export type MessagingServerStatus = 'connecting' | 'connected' | 'disconnected';

/** @publicApi */
export type MessagingServerEvents = {
  /** The groups are registered and, unless `autoStart` is false, get messages. */
  connected: () => void;
  disconnected: () => void;
};

/**
 * Calls the `@EventPattern` and `@MessagePattern` methods of an application for the messages of a broker. A message is
 * acknowledged when its handler, and all that it returns, has settled; what fails is tried again as listeners are.
 *
 * @publicApi
 */
export class MessagingServer
  extends Server<MessagingServerEvents, MessagingServerStatus>
  implements CustomTransportStrategy
{
  override transportId: symbol;
  /** Failures of events decide what becomes of the message: Nest need not log them. */
  override readonly propagatesEventHandlerErrors = true;
  protected override readonly logger = new Logger('MessagingServer');
  private readonly options: ResolvedServerOptions;
  private readonly events = new EventBook<MessagingServerEvents>();
  private readonly registered: RegisteredHandler[] = [];
  private connection: MessagingConnection | undefined;
  private groups: GroupSet | undefined;
  private started = false;
  private closing: Promise<void> | undefined;

  /** @throws MessagingError CONFIGURATION. */
  constructor(options: MessagingServerOptions = {}) {
    super();
    this.options = resolveServerOptions(options);
    this.transportId = this.options.transportId ?? MESSAGING_TRANSPORT;
    watchRpcCalls();
  }

  /** @internal Called by Nest for every decorated method. */
  override addHandler(pattern: unknown, callback: MessageHandler, isEventHandler = false, extras: object = {}): void {
    callback.isEventHandler = isEventHandler;
    callback.extras = extras;
    this.registered.push({ pattern, callback, isEvent: isEventHandler, extras });
    // Nest would chain the methods of one pattern, or forget all but the last: here each is called with a context of its own.
    const key = this.normalizePattern(pattern as string);
    let free = key;
    for (let count = 2; this.messageHandlers.has(free); count++) free = `${key}#${count}`;
    this.messageHandlers.set(free, callback);
  }

  /** @internal Called by Nest: what is wrong with a pattern, or keeps the connection from opening, rejects `listen()`. */
  async listen(callback: (error?: unknown) => unknown): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  /** Begins to call handlers, where `autoStart: false` holds them. Nothing happens when it has begun. */
  async start(): Promise<void> {
    const { groups } = this;
    if (groups === undefined) {
      throw new MessagingError('BAD_ARGUMENT', 'the MessagingServer is not connected: start() it after listen()');
    }
    if (this.started) return;
    this.started = true;
    await groups.start();
  }

  /** Stops pulling, waits for handlers at work within the shutdown budget, closes the connection. */
  close(): Promise<void> {
    return (this.closing ??= this.shutDown().finally(() => (this.closing = undefined)));
  }

  on<Name extends keyof MessagingServerEvents, Callback extends MessagingServerEvents[Name]>(
    event: Name,
    callback: Callback,
  ): void {
    this.events.on(event, callback);
  }

  /** The client of `nestmq/client` that the server consumes with. @throws MessagingError BAD_ARGUMENT while it is not connected. */
  unwrap<T = EngineClient>(): T {
    const client = this.connection?.openClient;
    if (client !== undefined) return client as T;
    throw new MessagingError('BAD_ARGUMENT', 'the MessagingServer is not connected: unwrap() it after listen()');
  }

  private async open(): Promise<void> {
    if (this.connection !== undefined) {
      throw new MessagingError('CONFIGURATION', 'this MessagingServer listens already; make one for each connection');
    }
    this._status$.next('connecting');
    const connection = new MessagingConnection(this.options.own, new ConnectionEnvironment());
    this.connection = connection;
    try {
      const groups = this.groupsOn(connection);
      await connection.open();
      groups.prepare();
      await connection.register();
      this.groups = groups;
      if (this.options.autoStart) await this.start();
    } catch (error) {
      await this.shutDown();
      throw error;
    }
    this.connected();
  }

  private groupsOn(connection: MessagingConnection): GroupSet {
    const { application, namespace } = connection.options;
    const group = this.options.group ?? application;
    const definitions = defineHandlers(this.registered, { connection: connection.name, namespace, group });
    return new GroupSet(connection, definitions, this.around);
  }

  private connected(): void {
    const held = this.options.autoStart ? '' : ', held (autoStart: false)';
    for (const line of this.groups!.lines()) this.logger.log(`${line}${held}`);
    this._status$.next('connected');
    this.events.emit('connected');
  }

  private async shutDown(): Promise<void> {
    const { connection, groups } = this;
    if (connection === undefined) return;
    try {
      await groups?.stop();
    } catch (error) {
      this.logger.error('a group did not stop cleanly', error instanceof Error ? error.stack : String(error));
    }
    await connection.close();
    this.connection = undefined;
    this.groups = undefined;
    this.started = false;
    this._status$.next('disconnected');
    this.events.emit('disconnected');
  }

  /** Between the hooks that instrumentation may have set; a hook that gives nothing back is waited for all the same. */
  private readonly around: AroundCall = (context, call) =>
    new Promise((resolve, reject) => {
      const done = async (): Promise<void> => {
        try {
          resolve(await call());
        } catch (error) {
          reject(error as Error);
        } finally {
          this.onProcessingEndHook?.(this.transportId, context);
        }
      };
      try {
        this.onProcessingStartHook(this.transportId, context, done);
      } catch (error) {
        reject(error as Error);
      }
    });
}
