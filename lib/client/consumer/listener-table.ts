import {
  checkTopic,
  compileFilter,
  deadLetterTopic,
  getProperty,
  type MessageFilter,
  MessagingError,
  PropertyName,
  type SubscriptionData,
  subscriptionOf,
} from '../../protocol/index.js';
import { ConsumeMode } from '../consume-mode.js';
import { createOutcomeCounts, type OutcomeCounts } from '../counts.js';
import { HandlerTimes } from '../dispatch/handler-times.js';
import { Suspension } from '../dispatch/suspension.js';
import { checkBinding } from './check-binding.js';
import {
  type CompleteBinding,
  completeBinding,
  type ConsumerSettings,
  DEFAULT_CONCURRENCY,
  type ListenerBinding,
} from '../options.js';

/** A listener with its defaults filled in. */
export interface Listener {
  readonly binding: CompleteBinding;
  readonly filter: MessageFilter;
  readonly concurrency: number;
  readonly maxReconsumeTimes: number;
  paused: boolean;
  /** It takes nothing new for a while, of its own accord. */
  readonly suspension: Suspension;
  readonly counts: OutcomeCounts;
  readonly times: HandlerTimes;
}

/** The listeners of one group: what they subscribe to together, and which of them a message is for. */
export class ListenerTable {
  private readonly topics = new Map<string, Listener[]>();
  private readonly names = new Map<string, Listener>();

  constructor(
    private readonly settings: ConsumerSettings,
    private readonly namespace?: string,
  ) {}

  /** Throws CONFIGURATION when another listener of the group could get the same message. */
  add(binding: ListenerBinding): void {
    const { group, mode } = this.settings;
    checkTopic(binding.topic, this.namespace);
    if (mode !== ConsumeMode.BROADCAST && binding.topic === deadLetterTopic(group)) {
      throw new MessagingError(
        'CONFIGURATION',
        `${binding.name} listens to the dead letters of its own group ${group}: one that it cannot handle would come back to it ` +
          'at once, for ever. Give it a group of its own',
      );
    }
    checkBinding(binding, this.settings);
    const filter = filterOf(binding);
    if (this.names.has(binding.name)) {
      throw new MessagingError('CONFIGURATION', `The group ${group} has two listeners named ${binding.name}`);
    }
    const concurrency = binding.concurrency ?? DEFAULT_CONCURRENCY;
    const others = this.topics.get(binding.topic) ?? [];
    const rival = others.find((other) => other.filter.overlaps(filter));
    if (rival !== undefined) {
      throw new MessagingError(
        'CONFIGURATION',
        `The group ${group} has two listeners for the same messages of ${binding.topic}: ${rival.binding.name} (${rival.filter.expression}) ` +
          `and ${binding.name} (${filter.expression}). Give them different groups, or tags or conditions that exclude each other`,
      );
    }
    const maxReconsumeTimes = binding.maxReconsumeTimes ?? this.settings.maxReconsumeTimes;
    const listener: Listener = {
      binding: completeBinding(binding),
      filter,
      concurrency,
      maxReconsumeTimes,
      paused: false,
      suspension: new Suspension(),
      counts: createOutcomeCounts(),
      times: new HandlerTimes(),
    };
    this.topics.set(binding.topic, [...others, listener]);
    this.names.set(binding.name, listener);
  }

  get size(): number {
    return this.names.size;
  }

  all(): Iterable<Listener> {
    return this.names.values();
  }

  /** Throws BAD_ARGUMENT for a name that is none. */
  named(name: string): Listener {
    const listener = this.names.get(name);
    if (listener !== undefined) return listener;
    throw new MessagingError(
      'BAD_ARGUMENT',
      `The group ${this.settings.group} has no listener ${name}, only ${[...this.names.keys()].join(', ')}`,
    );
  }

  /** Who listens to the topic, for people. */
  namesOf(topic: string): string {
    return (this.topics.get(topic) ?? []).map(({ binding }) => binding.name).join(', ');
  }

  get topicNames(): string[] {
    return [...this.topics.keys()];
  }

  /** The one listener that the message is for. The broker may let others pass, so there may be none. */
  find(topic: string, properties: string): Listener | undefined {
    const listeners = this.topics.get(topic);
    if (listeners === undefined) return undefined;
    const first = listeners[0]!;
    if (first.filter.matchesAll) return first;
    const tag = getProperty(properties, PropertyName.TAGS);
    for (const listener of listeners) {
      if (listener.filter.matches(tag, properties)) return listener;
    }
    return undefined;
  }

  /**
   * The same for a message that the group took once and that comes again. Brokers add properties to it, which a selector
   * may look at, and a new release may select otherwise: when the topic has a single listener, and that one chooses by
   * properties, it still is the one that it was for.
   */
  findAgain(topic: string, properties: string): Listener | undefined {
    const found = this.find(topic, properties);
    const listeners = this.topics.get(topic);
    if (found !== undefined || listeners?.length !== 1) return found;
    return listeners[0]!.filter.properties === undefined ? undefined : listeners[0];
  }

  /** Per topic the union of what the listeners want. */
  subscriptions(version: number): SubscriptionData[] {
    return [...this.topics].map(([topic, listeners]) =>
      subscriptionOf(
        topic,
        listeners.map(({ filter }) => filter),
        version,
      ),
    );
  }
}

function filterOf({ name, tag, selector, headers }: ListenerBinding): MessageFilter {
  try {
    return compileFilter({ tag, selector, headers });
  } catch (error) {
    if (!(error instanceof MessagingError)) throw error;
    throw new MessagingError('CONFIGURATION', `${name} cannot filter: ${error.message}`, { cause: error });
  }
}
