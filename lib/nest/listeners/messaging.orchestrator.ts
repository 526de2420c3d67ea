import { Injectable, Logger } from '@nestjs/common';
import { ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import type { ListenerBinding, PushConsumer } from '../../client/index.js';
import { bindingOf, type TransactionDefinition, TransactionExplorer } from '../transactions/index.js';
import {
  ConnectionEnvironment,
  isLinkedTransport,
  LINK_TRANSPORT,
  type MessagingConnection,
  MessagingConnections,
  TransportHost,
} from '../connection/index.js';
import { BatchHandler, type HandlerSettings, ListenerHandler } from '../handler/index.js';
import { HandlerPipeline, type LifecycleHooks, installLifecycleHooks, payloadType } from '../nest-internals.js';
import { IdempotentListeners } from './idempotent-listeners.js';
import { type ConsumerPlan, planConsumers } from './consumer-plan.js';
import { LISTENER_WORDS, type ListenerDefinition } from './listener-definition.js';
import { ListenerExplorer } from './listener.explorer.js';
import { MessageListenerRegistry } from './message-listener.registry.js';

/** How long after the start the shutdown hooks may be switched on without a warning. */
const HOOKS_CHECK_MILLIS = 1_000;

/**
 * Opens connections and registers groups before anything of the application can send, starts listeners after the
 * application is ready, drains them before anything of it closes, and closes connections when everything else has.
 */
@Injectable()
export class MessagingOrchestrator implements LifecycleHooks {
  private readonly logger = new Logger('Messaging');
  private readonly started = new Set<MessagingConnection>();
  /** By listener name; made when the application is ready, as HTTP routes are, so that all global enhancers count. */
  private readonly handlers = new Map<string, ListenerHandler>();
  private readonly batchHandlers = new Map<string, BatchHandler>();
  private readonly idempotency = new IdempotentListeners();
  private listeners: ListenerDefinition[] = [];
  /** For strategies of `nestmq/microservices`. */
  private readonly transports: TransportHost;
  private opened = false;
  private hooksCheck: NodeJS.Timeout | undefined;
  private draining: Promise<void> | undefined;

  constructor(
    private readonly connections: MessagingConnections,
    private readonly explorer: ListenerExplorer,
    private readonly transactions: TransactionExplorer,
    private readonly registry: MessageListenerRegistry,
    private readonly contextCreator: ExternalContextCreator,
    private readonly modules: ModulesContainer,
    private readonly environment: ConnectionEnvironment,
  ) {
    installLifecycleHooks(modules, this);
    this.transports = new TransportHost(connections, environment);
    modules.getRpcTargetRegistry().subscribe((target: unknown) => {
      if (isLinkedTransport(target)) target[LINK_TRANSPORT](this.transports);
    });
  }

  async onFirstInit(): Promise<void> {
    try {
      this.listeners = this.explorer.explore();
      const plans = planConsumers(this.listeners, LISTENER_WORDS);
      for (const listener of this.listeners) this.idempotency.prepare(listener, this.connectionOf(listener));
      const transactions = this.transactions.explore();
      this.opened = true;
      for (const connection of this.connections.all()) await connection.open();
      for (const plan of plans) this.prepare(plan);
      this.transports.prepare();
      await Promise.all(transactions.map((transaction) => this.bindTransaction(transaction)));
      await Promise.all(this.connections.all().map((connection) => connection.register()));
    } catch (error) {
      for (const connection of this.connections.all()) connection.fail(error);
      await this.onLastShutdown();
      throw error;
    }
  }

  async onLastBootstrap(): Promise<void> {
    for (const listener of this.listeners) this.createHandler(listener);
    this.registry.startWith((connection) => this.start(connection));
    const automatic = this.connections.all().filter((connection) => connection.options.autoStart);
    await Promise.all([...automatic.map((connection) => this.startOne(connection)), this.transports.start()]);
    for (const connection of this.connections.all()) connection.startStores();
    for (const listener of this.listeners) this.logger.log(bootLine(listener, this.connectionOf(listener)));
    // An application context is initialised before anybody can switch its hooks on.
    if (this.environment.ownsProcess) {
      this.hooksCheck = setTimeout(() => this.warnWithoutShutdownHooks(), HOOKS_CHECK_MILLIS).unref();
    }
  }

  async onFirstDestroy(): Promise<void> {
    clearTimeout(this.hooksCheck);
    this.draining ??= this.drain();
    await this.draining;
  }

  async onLastShutdown(): Promise<void> {
    if (!this.opened) return;
    this.opened = false;
    await Promise.all(this.connections.all().map((connection) => connection.close()));
  }

  private warnWithoutShutdownHooks(): void {
    if (!this.opened || process.listenerCount('SIGTERM') > 0) return;
    this.logger.warn(
      'shutdown hooks are off: a SIGTERM kills handlers at work, and their messages come again; call app.enableShutdownHooks()',
    );
  }

  private prepare(plan: ConsumerPlan<ListenerDefinition>): void {
    const { group, mode, delivery, from } = plan;
    const consumer = this.connections.get(plan.connection, group).consumer({ group, mode, delivery, from });
    for (const listener of plan.listeners) this.bind(listener, consumer);
  }

  private bind(listener: ListenerDefinition, consumer: PushConsumer): void {
    const { name, topic, filter, settings } = listener;
    const handle: Pick<ListenerBinding, 'handle' | 'handleBatch'> =
      settings.batch === undefined
        ? this.handleWith(name)
        : { handleBatch: (messages, signal) => this.batchHandlers.get(name)!.handle(messages, signal) };
    consumer.add({
      name,
      topic,
      ...filter.spec,
      ...settings,
      ...handle,
    });
    this.registry.add(listener, consumer, () => this.connectionOf(listener).idempotency.report(name));
  }

  /** The handler is looked up once: it is made after the listener is bound, and stays. */
  private handleWith(name: string): Required<Pick<ListenerBinding, 'handle'>> {
    let handler: ListenerHandler | undefined;
    return { handle: (message, signal) => (handler ??= this.handlers.get(name)!).handle(message, signal) };
  }

  private async bindTransaction({ connection, name, group, listener }: TransactionDefinition): Promise<void> {
    const opened = this.connections.get(connection, `transaction ${name}`);
    await opened.bindTransaction(name, group, bindingOf(listener, opened.converter));
  }

  private createHandler(listener: ListenerDefinition): void {
    const { host, methodName, name, group, connection, settings, elementType } = listener;
    const arrange = this.idempotency.arrange(listener);
    const pipeline = new HandlerPipeline(this.contextCreator, this.modules, host, methodName, arrange);
    const handler: HandlerSettings = {
      name,
      group,
      connection,
      converter: this.connectionOf(listener).converter,
      // Of an array the compiler emits nothing but that it is one.
      payloadType: settings.batch === undefined ? payloadType(host.prototype, methodName) : elementType,
      logger: new Logger(name),
      listener: this.idempotency.hostOf(listener),
    };
    if (settings.batch === undefined) this.handlers.set(name, new ListenerHandler(pipeline, handler));
    else this.batchHandlers.set(name, new BatchHandler(pipeline, handler));
  }

  private async start(name: string | undefined): Promise<void> {
    const chosen = name === undefined ? this.connections.all() : [this.connections.get(name, 'start')];
    await Promise.all(chosen.map((connection) => this.startOne(connection)));
  }

  private async startOne(connection: MessagingConnection): Promise<void> {
    if (this.draining !== undefined || this.started.has(connection)) return;
    this.started.add(connection);
    this.registry.markStarted(connection.name, true);
    await connection.startConsumers();
  }

  private async drain(): Promise<void> {
    await Promise.all([...this.connections.all().map((connection) => connection.drain()), this.transports.drain()]);
    for (const connection of this.started) this.registry.markStarted(connection.name, false);
  }

  private connectionOf(listener: ListenerDefinition): MessagingConnection {
    return this.connections.get(listener.connection, listener.name);
  }
}

function bootLine(listener: ListenerDefinition, connection: MessagingConnection): string {
  const { name, topic, filter, group, mode, from } = listener;
  const where = connection.name === 'default' ? '' : `, connection ${connection.name}`;
  const start = from instanceof Date ? from.toISOString() : from;
  const held = connection.options.autoStart ? '' : ', held (autoStart: false)';
  return `${name} listens to ${topic} (${filter.expression}), group ${group}, ${mode}, from ${start}${where}${held}`;
}
