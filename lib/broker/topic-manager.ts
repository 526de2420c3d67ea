import {
  checkTopic,
  DEFAULT_TOPIC,
  deadLetterTopic,
  isSystemTopic,
  MAX_DELAY_LEVEL,
  MessagingError,
  Permission,
  retryTopic,
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
  TRACE_TOPIC,
  TRANSACTION_DEAD_LETTER_TOPIC,
  TRANSACTION_HALF_TOPIC,
  TRANSACTION_OP_TOPIC,
} from '../protocol/index.js';
import type { MessageStore, TopicConfig, TopicDedup, TopicSettings } from '../store/index.js';
import type { ResolvedBrokerOptions } from './options.js';

/**
 * Who announces the topics to the NameServer; undefined: the topic of that name is no longer served. What it returns is
 * awaited before the change counts as made, and never rejects.
 */
export type TopicListener = (name: string, topic: TopicConfig | undefined) => void | Promise<void>;

const READ_WRITE = Permission.READ | Permission.WRITE;

/** The topics of the broker: looking up, creating on demand within a bound, announcing. */
export class TopicManager {
  private readonly listeners: TopicListener[] = [];

  constructor(
    private readonly store: MessageStore,
    private readonly options: ResolvedBrokerOptions,
  ) {}

  onChange(listener: TopicListener): void {
    this.listeners.push(listener);
  }

  get(name: string): TopicConfig | undefined {
    return this.store.topics.get(name);
  }

  list(): TopicConfig[] {
    return this.store.topics.list();
  }

  /** Responders address it; nothing is stored there. */
  private get replyTopic(): string {
    return `${this.options.cluster}_REPLY_TOPIC`;
  }

  /** The topics that delayed and half messages wait in; they must be there before the first one comes. */
  async ensureSystemTopics(): Promise<void> {
    const queues = [
      [SCHEDULE_TOPIC, MAX_DELAY_LEVEL, Permission.READ],
      [TIMER_TOPIC, 1, Permission.READ],
      [TRANSACTION_HALF_TOPIC, 1, Permission.READ],
      [TRANSACTION_OP_TOPIC, 1, Permission.READ],
      [TRANSACTION_DEAD_LETTER_TOPIC, 1, Permission.READ],
      // A Java client replies only where it finds a queue that it may write to.
      [this.replyTopic, 1, READ_WRITE],
    ] as const satisfies readonly (readonly [string, number, number])[];
    await Promise.all(
      queues.map(async ([name, count, perm]) => {
        const settings = { readQueueNums: count, writeQueueNums: count, perm };
        const topic = await this.store.createTopic(name, settings);
        if (topic.perm !== perm) await this.store.topics.update(name, settings);
      }),
    );
    // Those of them that clients look for.
    await Promise.all([TRANSACTION_DEAD_LETTER_TOPIC, this.replyTopic].map((name) => this.changed(name)));
  }

  /** The topic that a producer sends to for the first time. */
  async createForSend(name: string, template: string, queues: number): Promise<TopicConfig> {
    checkTopic(name);
    if (!this.options.autoCreateTopics || template !== DEFAULT_TOPIC) {
      throw new MessagingError(
        'TOPIC_NOT_FOUND',
        `There is no topic ${name} on broker ${this.options.name}, and sends do not create topics here. ` +
          'Declare it in `topics`, create it with an administration tool, or switch on `autoCreateTopics`.',
      );
    }
    const wanted = Number.isInteger(queues) && queues > 0 ? queues : this.options.defaultQueues;
    return this.ensure(name, Math.min(wanted, this.options.defaultQueues));
  }

  /** Where the group's failed messages wait. */
  async ensureRetryTopic(group: string, queues = 1): Promise<TopicConfig> {
    return this.ensure(retryTopic(group), Math.max(1, queues));
  }

  async ensureDeadLetterTopic(group: string): Promise<TopicConfig> {
    return this.ensure(deadLetterTopic(group), 1);
  }

  /** An order from outside: no bound on the number of topics, and what exists takes over the new settings. */
  async createOrUpdate(name: string, settings: TopicSettings): Promise<void> {
    this.check(name);
    await this.put(name, settings);
  }

  /** Whether sends create topics, and with how many queues, has changed: clients take that from the template. */
  templateChanged(): void {
    const { autoCreateTopics, defaultQueues } = this.options;
    const template: TopicConfig = {
      name: DEFAULT_TOPIC,
      number: 0,
      readQueueNums: defaultQueues,
      writeQueueNums: defaultQueues,
      perm: READ_WRITE | Permission.INHERIT,
      topicSysFlag: 0,
      order: false,
      orderedQueues: defaultQueues,
      createdAt: 0,
    };
    for (const listener of this.listeners) listener(DEFAULT_TOPIC, autoCreateTopics ? template : undefined);
  }

  /** Throws NAME_INVALID for a name that `createOrUpdate` does not take. */
  check(name: string): void {
    checkTopic(name);
    this.refuseSystem(name);
  }

  private async put(name: string, settings: TopicSettings): Promise<void> {
    if (this.get(name) === undefined) await this.store.createTopic(name, settings);
    else await this.store.topics.update(name, settings);
    await this.changed(name);
  }

  async spreadKeys(name: string, orderedQueues: number): Promise<void> {
    await this.store.topics.spreadKeys(name, orderedQueues);
    await this.changed(name);
  }

  /**
   * A topic that the settings name: created, or given the queues that it lacks. Queues are never taken away; whether it
   * de-duplicates is as the settings say.
   */
  async declare(name: string, queues: number | undefined, dedup?: Omit<TopicDedup, 'since'>): Promise<void> {
    const topic = this.get(name);
    const wanted = queues ?? (topic === undefined ? this.options.defaultQueues : 0);
    if (topic === undefined || wanted > topic.writeQueueNums) {
      // The settings may name it: where sends make no topics it would not come into being.
      checkTopic(name);
      if (name !== TRACE_TOPIC) this.refuseSystem(name);
      await this.put(name, {
        readQueueNums: Math.max(wanted, topic?.readQueueNums ?? 0),
        writeQueueNums: wanted,
      });
    }
    await this.store.topics.setDedup(name, dedup, this.store.visibleOffset);
  }

  /** @throws MessagingError NAME_INVALID for a system topic. A topic that is not there is no error. */
  async delete(name: string): Promise<void> {
    this.refuseSystem(name);
    if (this.get(name) === undefined) return;
    await this.store.topics.delete(name, this.store.visibleOffset);
    await this.store.groups.forgetTopic(name);
    this.store.progress.removeTopic(name);
    await this.store.progress.flush();
    await this.changed(name);
  }

  private refuseSystem(name: string): void {
    if (isSystemTopic(name)) {
      throw new MessagingError(
        'NAME_INVALID',
        `${name} is a topic that the broker keeps for itself; choose another name.`,
      );
    }
  }

  /** Not async: a topic that exists costs a look-up. */
  private ensure(name: string, queues: number): TopicConfig | Promise<TopicConfig> {
    return this.get(name) ?? this.create(name, queues);
  }

  private async create(name: string, queues: number): Promise<TopicConfig> {
    if (this.store.topics.size >= this.options.maxTopics) {
      throw new MessagingError(
        'NO_PERMISSION',
        `Topic ${name} is not created: the broker has ${this.store.topics.size} topics and creates no more by itself. ` +
          'Delete topics that nobody needs, or raise `maxTopics`.',
      );
    }
    const settings = { readQueueNums: queues, writeQueueNums: queues, perm: READ_WRITE };
    const topic = await this.store.createTopic(name, settings);
    await this.changed(name);
    return topic;
  }

  private async changed(name: string): Promise<void> {
    const topic = this.get(name);
    // Every listener hears of it now, in this turn: whoever asks for the route next finds it.
    await Promise.all(this.listeners.map((listener) => listener(name, topic)));
  }
}
