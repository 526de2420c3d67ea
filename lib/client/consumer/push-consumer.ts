import type { Timer } from '../../platform/index.js';
import { checkGroup, messageQueueKey, MessagingError, type QueueOffset, retryTopic } from '../../protocol/index.js';
import { Assignment, positionsOf } from './assignment.js';
import { checkFilters } from './check-filters.js';
import type { ClientCore } from '../connection/client-core.js';
import { AcknowledgeFirst } from '../dispatch/acknowledge-first.js';
import { ConcurrentDispatcher } from '../dispatch/concurrent-dispatcher.js';
import { ConsumeMode } from '../consume-mode.js';
import type { OutcomeCounts } from '../counts.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { GroupContext } from './group-context.js';
import { Inbox } from '../dispatch/inbox.js';
import { interceptListener } from '../intercept-listener.js';
import { lagOf, type TopicLag } from './lag.js';
import { ListenerTable } from './listener-table.js';
import { LocalOffsets } from '../offsets/local-offsets.js';
import type { OffsetStore } from '../offsets/offset-store.js';
import { withConsumerDefaults, type ConsumerOptions, type ConsumerSettings, type ListenerBinding } from '../options.js';
import { OrderlyDispatcher } from '../dispatch/orderly-dispatcher.js';
import { PauseGate } from './pause-gate.js';
import { PullService } from './pull-service.js';
import { PulledBodyDecoder } from './pulled-body.js';
import type { ProcessQueue } from './process-queue.js';
import { LOCK_RENEWAL_MILLIS, QueueLocks } from './queue-locks.js';
import { Rebalancer } from './rebalancer.js';
import { registrationOf } from './registration.js';
import { RemoteOffsets } from '../offsets/remote-offsets.js';
import { SendBack } from '../settle/send-back.js';
import { settleLocally, settleOnce, settleWithBroker } from '../settle/settlers.js';

export interface AssignedQueue {
  topic: string;
  brokerName: string;
  queueId: number;
  /** Everything before this offset is settled. */
  committedOffset: number;
  /** Where the next pull begins. */
  nextOffset: number;
  /** Messages that are fetched and not settled. */
  buffered: number;
}

export interface ConsumerState {
  group: string;
  mode: ConsumeMode;
  /** Whether it takes messages: between `start` and `stop`. */
  started: boolean;
  /** What it reads, the topic of its retries included. */
  topics: string[];
  queues: AssignedQueue[];
  /** Messages whose handler runs, or whose outcome is on its way to the broker. */
  inFlight: number;
  /** Whether the whole group is paused. */
  paused: boolean;
  pausedListeners: string[];
  /** With what has become of their deliveries since the client was made. */
  listeners: { name: string; topic: string; counts: Readonly<OutcomeCounts> }[];
}

type Phase = 'new' | 'registered' | 'started' | 'stopped';

/** The topics that do not exist yet are looked for more often than routes are refreshed. */
const MISSING_TOPIC_MILLIS = 2000;

/** Consumes for one group: `add` listeners, `register`, `start`; later `stop`. */
export class PushConsumer {
  /** @internal */
  readonly settings: ConsumerSettings;
  /** @internal Of a pull consumer. */
  readonly inbox: Inbox | undefined;
  private readonly group: GroupContext;
  private readonly listeners: ListenerTable;
  private readonly gate = new PauseGate();
  private readonly locks: QueueLocks;
  private readonly offsets: OffsetStore;
  private readonly assignment: Assignment;
  private readonly rebalancer: Rebalancer;
  private readonly dispatcher: Dispatcher;
  private readonly timers: Timer[] = [];
  private phase: Phase = 'new';
  private version = 0;
  private saving = false;
  private announced = false;
  private missing: Timer | undefined;
  private forgetRoutes: (() => void) | undefined;
  private forgetSuspects: (() => void) | undefined;

  /** @internal */
  constructor(
    private readonly core: ClientCore,
    options: ConsumerOptions,
    private readonly left: () => void,
    polled = false,
  ) {
    checkGroup(options.group, core.settings.namespace);
    this.settings = withConsumerDefaults(options);
    if (this.settings.from instanceof Date && Number.isNaN(this.settings.from.getTime())) {
      throw new MessagingError('CONFIGURATION', `The group ${options.group} is to start from an invalid date`);
    }
    const { mode, group } = this.settings;
    this.group = { core, settings: this.settings, retryTopic: retryTopic(group) };
    this.listeners = new ListenerTable(this.settings, core.settings.namespace);
    this.locks = new QueueLocks(this.group);
    this.offsets = mode === ConsumeMode.BROADCAST ? new LocalOffsets(this.group) : new RemoteOffsets(this.group);
    const dispatcher = polled ? (this.inbox = this.createInbox()) : this.createDispatcher();
    this.dispatcher = dispatcher;
    const pulls = new PullService(
      core,
      this.settings,
      new PulledBodyDecoder(this.listeners, this.group.retryTopic, core.counters),
      {
        resumed: () => this.gate.resumed(),
        mayRead: (queue) => this.mayRead(queue),
        renounce: (queue) => this.assignment.renounce(queue),
        moved: (queue) => this.assignment.moved(queue),
      },
      () => this.version,
      (queue, deliveries) => dispatcher.accept(queue, deliveries),
    );
    this.assignment = new Assignment(
      this.group,
      this.locks,
      this.offsets,
      (queue) => pulls.start(queue),
      () => dispatcher.sweep?.(),
    );
    this.rebalancer = new Rebalancer(this.group, this.assignment, () => this.topics());
  }

  /** Adds a listener; only before `register`. */
  add(binding: ListenerBinding): void {
    this.expect('new', 'A listener is added before register()');
    this.listeners.add(interceptListener(binding, this.settings, this.core.clientId, this.core.settings.interceptor));
  }

  /**
   * Makes the group known to all brokers and stores its start position, so that whatever is sent after this reaches it.
   * Rejects when no broker can be reached.
   */
  async register(): Promise<void> {
    this.expect('new', 'register() is called once');
    if (this.listeners.size === 0) {
      throw new MessagingError('CONFIGURATION', `The group ${this.settings.group} has no listener`);
    }
    const { routes, heartbeats, platform } = this.core;
    this.version = platform.clock.now();
    await Promise.all(this.topics().map((topic) => routes.refresh(topic)));
    // Only what is there before the group is: a queue that appears later has nothing that is older than the group.
    const queues = this.topics().flatMap((topic) => routes.peek(topic)?.readQueues ?? []);
    const registration = registrationOf(this.group, this.listeners, this.version);
    await checkFilters(this.core, registration, (topic) => this.listeners.namesOf(topic));
    this.announced = true;
    await heartbeats.register(registration);
    // The broker has made the retry topic just now.
    if (this.settings.mode !== ConsumeMode.BROADCAST) await routes.refresh(this.group.retryTopic);
    await this.offsets.initialise(queues, this.topics());
    this.phase = 'registered';
  }

  /** Starts pulling. Resolves when the queues are divided for the first time. */
  async start(): Promise<void> {
    this.expect('registered', 'start() follows register()');
    this.phase = 'started';
    const { settings, platform, routes } = this.core;
    const { clock } = platform;
    this.forgetRoutes = routes.onChange((topic) => {
      if (this.topics().includes(topic)) this.rebalance();
    });
    this.forgetSuspects = this.core.suspects.onFree(() => this.dispatcher.wake());
    this.timers.push(
      clock.every(settings.rebalanceMillis, () => this.rebalance()),
      clock.every(settings.offsetPersistMillis, () => void this.savePositions()),
    );
    if (this.settings.mode !== ConsumeMode.BROADCAST) {
      this.timers.push(clock.every(LOCK_RENEWAL_MILLIS, () => void this.renewLocks()));
    }
    this.lookForMissingTopics();
    await this.rebalancer.request();
  }

  /** Holds one listener, or the whole group. What runs goes on; what is fetched waits. */
  pause(listenerName?: string): void {
    if (listenerName === undefined) this.gate.pause();
    else this.listeners.named(listenerName).paused = true;
  }

  resume(listenerName?: string): void {
    if (listenerName === undefined) this.gate.resume();
    else this.listeners.named(listenerName).paused = false;
    this.dispatcher.wake();
  }

  /**
   * Stops pulling and waits for the handlers that run, `budgetMillis` at the most; the signals of the others fire then.
   * What is not settled is given back: the group gets it again. Then the member leaves the group.
   */
  async stop(budgetMillis: number): Promise<void> {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    this.forgetRoutes?.();
    for (const timer of this.timers) timer.cancel();
    this.missing?.cancel();
    this.rebalancer.close();
    this.gate.resume();
    await this.assignment.close(budgetMillis);
    this.forgetSuspects?.();
    await this.offsets.close();
    if (this.announced) await this.core.heartbeats.unregister(this.settings.group);
    this.left();
  }

  /** How far this member is behind. Rejects when a broker cannot be reached. */
  async lag(): Promise<TopicLag[]> {
    return lagOf(this.core, this.settings.group, this.assignment.active.values());
  }

  state(): ConsumerState {
    const queues = [...this.assignment.active.values()];
    return {
      group: this.settings.group,
      mode: this.settings.mode,
      started: this.phase === 'started',
      topics: this.topics(),
      queues: queues.map((queue) => ({
        topic: queue.topic,
        brokerName: queue.brokerName,
        queueId: queue.queueId,
        committedOffset: queue.committedOffset,
        nextOffset: queue.nextOffset,
        buffered: queue.size,
      })),
      inFlight: queues.reduce((sum, queue) => sum + queue.inFlight, 0),
      paused: this.gate.paused,
      pausedListeners: [...this.listeners.all()]
        .filter((listener) => listener.paused)
        .map((listener) => listener.binding.name),
      listeners: [...this.listeners.all()].map(({ binding, counts }) => ({
        name: binding.name,
        topic: binding.topic,
        counts: { ...counts },
      })),
    };
  }

  /** @internal The members of the group have changed, or a topic that it waits for has appeared. */
  rebalance(): void {
    if (this.phase !== 'started') return;
    this.lookForMissingTopics();
    void this.rebalancer.request();
  }

  /** @internal A broker that stores nothing itself says that the group was moved by order. */
  moved(positions: readonly QueueOffset[]): void {
    if (this.settings.mode === ConsumeMode.BROADCAST) return;
    for (const { queue, offset } of positions) {
      const own = this.assignment.active.get(messageQueueKey(queue));
      if (own !== undefined) this.assignment.moved(own, offset);
    }
  }

  /** @internal A topic of the group has appeared or got other queues. */
  topicChanged(topic: string): void {
    if (this.phase !== 'started') return;
    // A route that has changed asks for a rebalance by itself; one that is the same changes nothing.
    this.core.routes.refresh(topic).catch((error: unknown) => {
      this.core.platform.logger.debug(`The new queues of ${topic} are not known yet: ${(error as Error).message}`);
    });
  }

  /** @internal Resolves with whether the brokers have all positions, safe from a crash. */
  async secure(): Promise<boolean> {
    const positions = positionsOf(this.assignment.active.values());
    const stored = await Promise.all(positions.map(({ queue, offset }) => this.offsets.secure(queue, offset)));
    return !stored.includes(false);
  }

  private createInbox(): Inbox {
    return new Inbox(this.group, this.gate, settleWithBroker(this.group, new SendBack(this.group)));
  }

  private createDispatcher(): Dispatcher {
    const sendBack = new SendBack(this.group);
    const once = this.settings.delivery === 'at-most-once';
    const first = once ? new AcknowledgeFirst(this.core.platform.clock, this.offsets) : undefined;
    switch (this.settings.mode) {
      case ConsumeMode.ORDERLY:
        return new OrderlyDispatcher(
          this.group,
          this.gate,
          this.locks,
          sendBack,
          (queue) => this.unlocked(queue),
          (queue) => this.assignment.renounce(queue),
        );
      case ConsumeMode.BROADCAST:
        return new ConcurrentDispatcher(this.group, this.gate, settleLocally(this.group), first);
      case ConsumeMode.CONCURRENT: {
        const settle = once ? settleOnce : settleWithBroker;
        return new ConcurrentDispatcher(this.group, this.gate, settle(this.group, sendBack), first);
      }
      default:
        throw new MessagingError(
          'CONFIGURATION',
          `The mode of the group ${this.settings.group} is none of ConsumeMode`,
        );
    }
  }

  private mayRead(queue: ProcessQueue): boolean {
    if (this.settings.mode !== ConsumeMode.ORDERLY || this.locks.holds(queue)) return true;
    this.unlocked(queue);
    return false;
  }

  private unlocked(queue: ProcessQueue): void {
    this.core.platform.logger.warn(
      `The group ${this.settings.group} has lost its lock on ${queue.key} and asks for it again`,
    );
    this.assignment.renounce(queue);
  }

  private async renewLocks(): Promise<void> {
    for (const key of await this.locks.renew()) {
      const queue = this.assignment.active.get(key);
      if (queue !== undefined) this.unlocked(queue);
    }
  }

  private topics(): string[] {
    const topics = this.listeners.topicNames;
    return this.settings.mode === ConsumeMode.BROADCAST ? topics : [...topics, this.group.retryTopic];
  }

  private async savePositions(): Promise<void> {
    if (this.saving) return;
    this.saving = true;
    await this.offsets.save(positionsOf(this.assignment.active.values()));
    this.saving = false;
  }

  /** And again soon, as long as one is missing; a topic that goes later is noticed when routes are refreshed. */
  private lookForMissingTopics(): void {
    this.missing?.cancel();
    this.missing = undefined;
    const { routes, platform } = this.core;
    const lacks = (topic: string): boolean => routes.peek(topic)?.provisional ?? true;
    const missing = this.topics().filter(lacks);
    if (missing.length === 0) return;
    this.missing = platform.clock.after(MISSING_TOPIC_MILLIS, () => this.lookForMissingTopics());
    for (const topic of missing) {
      routes.refresh(topic).catch((error: unknown) => {
        platform.logger.debug(`The topic ${topic} could not be looked for: ${(error as Error).message}`);
      });
    }
  }

  private expect(phase: Phase, rule: string): void {
    if (this.phase === phase) return;
    throw new MessagingError(
      'CONFIGURATION',
      `The consumer of the group ${this.settings.group} is ${this.phase}: ${rule}`,
    );
  }
}
