import type { PushConsumer } from '../../client/index.js';
import type { DeliveringListener } from '../../idempotency/index.js';
import { deliveringListener } from '../connection/delivering-listener.js';
import type { MessagingConnection } from '../connection/messaging-connection.js';
import { planConsumers, type PlanWords } from '../listeners/consumer-plan.js';
import type { HandlerDefinition } from './handler-definition.js';
import { type AroundCall, PatternHandler } from './pattern-handler.js';

const WORDS: PlanWords<HandlerDefinition> = {
  describe: ({ name, isEvent }) => `${isEvent ? '@EventPattern' : '@MessagePattern'}(${JSON.stringify(name)})`,
};

/** For interceptors that handle messages once. */
function hostOf(definition: HandlerDefinition, connection: MessagingConnection): DeliveringListener {
  const { name, group, mode, delivery, callbacks } = definition;
  // What the decorator says stands in its interceptor.
  const told = { name, group, delivery, options: undefined, severalMethods: callbacks.length > 1 };
  return deliveringListener(told, mode, connection);
}

/** The groups of one strategy on its connection. */
export class GroupSet {
  private consumers: PushConsumer[] = [];
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly connection: MessagingConnection,
    private readonly definitions: readonly HandlerDefinition[],
    private readonly around: AroundCall,
  ) {}

  /** Once the connection is open. */
  prepare(): void {
    const { connection, around } = this;
    this.consumers = planConsumers(this.definitions, WORDS).map(({ group, mode, delivery, from, listeners }) => {
      const consumer = connection.consumer({ group, mode, delivery, from }, 'others');
      for (const definition of listeners) {
        const { name, topic, filter, settings, isEvent } = definition;
        const host = hostOf(definition, connection);
        const handler = new PatternHandler(definition, connection.converter, around, host);
        consumer.add({
          name,
          topic,
          ...filter.spec,
          ...settings,
          answers: !isEvent,
          handle: (message, signal) => handler.handle(message, signal),
        });
      }
      return consumer;
    });
  }

  /** When the connection has registered its own groups already. */
  register(): Promise<void> {
    return this.connection.registerGroups(this.consumers);
  }

  start(): Promise<void> {
    return this.connection.startConsumers(this.consumers);
  }

  /** Stops pulling and waits for the handlers at work, within the connection's budget; once, however often it is asked for. */
  stop(): Promise<void> {
    return (this.stopping ??= this.connection.stopConsumers(this.consumers));
  }

  /** One line for each handler. */
  lines(): string[] {
    return this.definitions.map(({ name, topic, filter, group, mode, from, isEvent }) => {
      const start = from instanceof Date ? from.toISOString() : from;
      const what = isEvent ? 'listens to' : 'answers';
      return `${name} ${what} ${topic} (${filter.expression}), group ${group}, ${mode}, from ${start}`;
    });
  }
}
