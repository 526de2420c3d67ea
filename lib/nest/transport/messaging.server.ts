import { Logger } from '@nestjs/common';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import type { MessagingClient as EngineClient } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import { ConnectionEnvironment, LINK_TRANSPORT, MessagingConnection, type TransportHost } from '../connection/index.js';
import { sharedConnection } from './choose-connection.js';
import { EventBook } from './event-book.js';
import { GroupSet } from './group-set.js';
import { defineHandlers, type RegisteredHandler } from './handler-definition.js';
import { MESSAGING_TRANSPORT } from './messaging-transport.js';
import type { AroundCall } from './pattern-handler.js';
import { watchRpcCalls } from './rpc-passage.js';
import { type MessagingServerOptions, type ResolvedServerOptions, resolveServerOptions } from './server-options.js';
import { checkShutdownHooks } from './shutdown-hooks.js';

const HOOKS_OFF = 'kills handlers at work, and their messages come again';

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
  private host: TransportHost | undefined;
  private owns = false;
  private hooksCheck: NodeJS.Timeout | undefined;
  private isReady = false;
  private started = false;
  private closing: Promise<void> | undefined;

  /** @throws MessagingError CONFIGURATION. */
  constructor(options: MessagingServerOptions = {}) {
    super();
    this.options = resolveServerOptions(options);
    this.transportId = this.options.transportId ?? MESSAGING_TRANSPORT;
    watchRpcCalls();
  }

  /** Called by Nest for every decorated method. */
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

  /** Called by Nest: what is wrong with a pattern, or keeps the connection from opening, rejects `listen()`. */
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
    if (groups === undefined || !this.isReady) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        'the MessagingServer is not connected: start() it after listen(), and after the application is initialised',
      );
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

  /** @internal The application shows its connections. */
  [LINK_TRANSPORT](host: TransportHost): void {
    this.host = host;
    host.atDrain(async () => this.stopGroups());
  }

  private async open(): Promise<void> {
    if (this.connection !== undefined) {
      throw new MessagingError('CONFIGURATION', 'this MessagingServer listens already; make one for each connection');
    }
    const { host, options } = this;
    const own = new MessagingConnection(options.own, host?.environment ?? new ConnectionEnvironment());
    const shared = sharedConnection(options, host, own.storePath);
    this._status$.next('connecting');
    this.connection = shared ?? own;
    this.owns = shared === undefined;
    try {
      const groups = this.groupsOn(this.connection);
      if (shared === undefined) await this.openOwn(own, groups);
      else await this.join(groups);
    } catch (error) {
      await this.shutDown();
      throw error;
    }
  }

  private async openOwn(own: MessagingConnection, groups: GroupSet): Promise<void> {
    await own.open();
    groups.prepare();
    this.groups = groups;
    await own.register();
    await this.ready();
    // Where MessagingModule is, it looks after that.
    if (this.host === undefined) this.hooksCheck = checkShutdownHooks(this.logger, HOOKS_OFF);
  }

  /** An application whose microservices start before it is initialised opens its connections later. */
  private async join(groups: GroupSet): Promise<void> {
    this.groups = groups;
    // Closed in the meantime: there is nothing to start any more.
    const ifStillHere = (step: () => unknown): unknown => (this.groups === groups ? step() : undefined);
    await this.host!.join({
      prepare: () => void ifStillHere(() => groups.prepare()),
      register: async () => void (await ifStillHere(() => groups.register())),
      start: async () => void (await ifStillHere(() => this.ready())),
    });
  }

  private groupsOn(connection: MessagingConnection): GroupSet {
    const { application, namespace } = connection.options;
    const group = this.options.group ?? application;
    const definitions = defineHandlers(this.registered, { connection: connection.name, namespace, group });
    return new GroupSet(connection, definitions, this.around);
  }

  private async ready(): Promise<void> {
    this.isReady = true;
    if (this.options.autoStart) await this.start();
    const held = this.options.autoStart ? '' : ', held (autoStart: false)';
    for (const line of this.groups?.lines() ?? []) this.logger.log(`${line}${held}`);
    this._status$.next('connected');
    this.events.emit('connected');
  }

  private async stopGroups(): Promise<void> {
    try {
      await this.groups?.stop();
    } catch (error) {
      this.logger.error('a group did not stop cleanly', error instanceof Error ? error.stack : String(error));
    }
  }

  private async shutDown(): Promise<void> {
    const { connection } = this;
    if (connection === undefined) return;
    clearTimeout(this.hooksCheck);
    await this.stopGroups();
    if (this.owns) await connection.close();
    this.connection = undefined;
    this.groups = undefined;
    this.started = false;
    this.isReady = false;
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
