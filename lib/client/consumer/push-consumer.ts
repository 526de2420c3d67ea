import type { Timer } from '../../platform/index.js';
import {
  checkGroup,
  type ConsumerRunningInfo,
  type DirectResult,
  messageQueueKey,
  MessagingError,
  type QueueOffset,
  retryTopic,
} from '../../protocol/index.js';
import { Assignment, positionsOf } from './assignment.js';
import { ConsumerActivity } from './consumer-activity.js';
import { type ConsumerState, consumerState } from './consumer-state.js';
import { consumeDirectly } from './direct-call.js';
import { runningInfo } from './running-info.js';
import { checkBackoff } from './check-backoff.js';
import { checkFilters } from './check-filters.js';
import type { ClientCore } from '../connection/client-core.js';
import { AcknowledgeFirst } from '../dispatch/acknowledge-first.js';
import { ConcurrentDispatcher } from '../dispatch/concurrent-dispatcher.js';
import { ConsumeMode } from '../consume-mode.js';
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
import type { SuspensionInfo } from '../dispatch/suspension.js';
import { RemoteOffsets } from '../offsets/remote-offsets.js';
import { SendBack } from '../settle/send-back.js';
import { settleLocally, settleOnce, settleWithBroker } from '../settle/settlers.js';

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
  private readonly decoder: PulledBodyDecoder;
  private readonly activity: ConsumerActivity;
  private startedAt = 0;
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
    this.decoder = new PulledBodyDecoder(this.listeners, this.group.retryTopic, core.counters);
    this.activity = new ConsumerActivity(this.listeners, core.platform.clock);
    const pulls = new PullService(
      core,
      this.settings,
      this.decoder,
      this.activity,
      {
        resumed: () => this.gate.resumed(),
        paused: () => this.gate.paused,
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
    await checkBackoff(this.core, this.listeners.all());
    // The broker has made the retry topic just now.
    if (this.settings.mode !== ConsumeMode.BROADCAST) await routes.refresh(this.group.retryTopic);
    await this.offsets.initialise(queues, this.topics());
    this.phase = 'registered';
  }

  /** Starts pulling. Resolves when the queues are divided for the first time. */
  async start(): Promise<void> {
    this.expect('registered', 'start() follows register()');
    this.phase = 'started';
    this.startedAt = this.core.platform.clock.now();
    const { settings, platform, routes } = this.core;
    const { clock } = platform;
    this.forgetRoutes = routes.onChange((topic) => {
      if (this.topics().includes(topic)) this.rebalance();
    });
    this.forgetSuspects = this.core.suspects.onFree(() => this.dispatcher.wake());
    this.timers.push(
      clock.every(settings.rebalanceMillis, () => this.rebalance()),
      clock.every(settings.offsetPersistMillis, () => {
        this.observe();
        void this.savePositions();
      }),
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

  /** Undefined while the listener is not suspended. Throws BAD_ARGUMENT for a name that is none. */
  suspensionOf(listenerName: string): SuspensionInfo | undefined {
    return this.listeners.named(listenerName).suspension.info;
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
    for (const { suspension } of this.listeners.all()) suspension.end();
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
    return consumerState(
      this.settings,
      this.phase === 'started',
      this.topics(),
      [...this.assignment.active.values()],
      this.gate.paused,
      [...this.listeners.all()],
    );
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

  /** @internal Where this member is in the queues that it has of the topic. */
  positions(topic: string): QueueOffset[] {
    return positionsOf([...this.assignment.active.values()].filter((queue) => queue.topic === topic)).map(
      ({ queue: { brokerName, queueId }, offset }) => ({ queue: { topic, brokerName, queueId }, offset }),
    );
  }

  /** @internal Undefined while it does not consume. */
  runningInfo(): ConsumerRunningInfo | undefined {
    if (this.phase !== 'started') return undefined;
    this.observe();
    const listeners = [...this.listeners.all()];
    return runningInfo({
      mode: this.settings.mode,
      nameServers: this.core.nameServers,
      startedAt: this.startedAt,
      concurrency: listeners.reduce((sum, { concurrency }) => sum + concurrency, 0),
      subscriptions: registrationOf(this.group, this.listeners, this.version).subscriptionDataSet,
      queues: this.assignment.active.values(),
      activity: this.activity,
      holds: (queue) => this.locks.holds(queue),
    });
  }

  /** @internal Gives a message to its listener, whatever becomes of it. Undefined while it does not consume, or is polled. */
  async consumeDirectly(body: Buffer, brokerName: string): Promise<DirectResult | undefined> {
    if (this.phase !== 'started' || this.inbox !== undefined) return undefined;
    return consumeDirectly(this.group, this.decoder, body, brokerName);
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

  private observe(): void {
    const now = this.core.platform.clock.now();
    for (const queue of this.assignment.active.values()) queue.noteSettled(now);
    this.activity.sample();
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
