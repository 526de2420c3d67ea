import type { Platform, Timer } from '../platform/index.js';
import { ExtensionCode, RequestCode, ResponseCode } from '../protocol/index.js';
import type { Channel, RequestHandler } from '../remoting/index.js';
import type { MessageStore } from '../store/index.js';
import { administration } from './administration/administration.js';
import { inWordsOf, Version } from './administration/rocketmq-versions.js';
import { refusal } from './answers.js';
import { ClientProcessor } from './client-processor.js';
import { Consumers, type MembershipListener } from './consumers.js';
import { DuplicateFilter } from './dedup/duplicate-filter.js';
import { GroupRegistry } from './group-registry.js';
import { Intake } from './intake.js';
import { KeyHolds } from './key-holds.js';
import { KeyProcessor } from './key-processor.js';
import { LetterProcessor } from './letter-processor.js';
import { LockBook } from './lock-book.js';
import { LockProcessor } from './lock-processor.js';
import { OffsetBook } from './offset-book.js';
import { OffsetProcessor } from './offset-processor.js';
import { type BrokerOptions, type ResolvedBrokerOptions, resolveBrokerOptions } from './options.js';
import { PackProcessor } from './pack-processor.js';
import { PositionResets } from './position-resets.js';
import { ProcessDeaths } from './process-deaths.js';
import { Producers } from './producers.js';
import { PullProcessor } from './pull-processor.js';
import { QueryProcessor } from './query-processor.js';
import { QueueLocks } from './queue-locks.js';
import { serveByTable } from './request-table.js';
import { ReplyProcessor } from './reply-processor.js';
import { SendBackProcessor } from './send-back-processor.js';
import { SendProcessor } from './send-processor.js';
import { TopicManager } from './topic-manager.js';
import { Traffic } from './traffic/traffic.js';
import { TransactionChecks } from './transactions/transaction-checks.js';
import { TransactionProcessor } from './transactions/transaction-processor.js';

const SWEEP_MILLIS = 10_000;

/** Figures since the start, for health and tests. */
export interface BrokerFigures {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly deadLetters: number;
  readonly heldPulls: number;
  readonly consumerGroups: number;
  readonly refusedCommits: number;
  readonly disagreements: number;
  /** Stored and not due yet. */
  readonly delayedMessages: number;
  /** Half messages that are neither committed nor rolled back. */
  readonly openTransactions: number;
  /** Those that nobody ended, or whose topic has gone, put with the transaction dead letters. */
  readonly transactionDeadLetters: number;
  /** Sends that were not stored because a message with their de-duplication id was there. */
  readonly duplicates: number;
  /** De-duplication ids that the bound on memory took away before their window closed. */
  readonly evictedDedupIds: number;
}

/** Serves the requests of clients on one store. Knows neither addresses nor files: channels come in by `attach`. */
export class Broker {
  readonly options: ResolvedBrokerOptions;
  readonly topics: TopicManager;
  readonly consumers: Consumers;
  /** One handler per request code; the server puts them into one table with the NameServer's. */
  readonly handlers: ReadonlyMap<number, RequestHandler>;
  private readonly locks: QueueLocks;
  private readonly offsets: OffsetBook;
  private readonly deaths: ProcessDeaths;
  private readonly duplicates: DuplicateFilter;
  private readonly resets: PositionResets;
  private readonly keys: KeyHolds;
  private readonly traffic: Traffic;
  private readonly sends: SendProcessor;
  private readonly packs: PackProcessor;
  private readonly pulls: PullProcessor;
  private readonly sendBacks: SendBackProcessor;
  private readonly producers: Producers;
  private readonly transactions: TransactionProcessor;
  private readonly transactionChecks: TransactionChecks;
  private sweeper: Timer | undefined;
  private stopped = false;
  private readonly serve: RequestHandler;

  constructor(
    options: BrokerOptions,
    private readonly store: MessageStore,
    private readonly platform: Platform,
  ) {
    this.options = resolveBrokerOptions(options);
    this.topics = new TopicManager(store, this.options);
    this.locks = new QueueLocks(platform.clock, new LockBook(store, platform));
    const membership: MembershipListener = {
      groupOnline: (group) => store.groups.touch(group, true),
      memberLeft: (group, member, unregistered) => {
        // Channels close after the store.
        if (this.stopped) return;
        store.groups.touch(group.name, !group.empty);
        this.deaths.left(group, member, unregistered);
        this.resets.left(group.name, member, unregistered);
      },
      notifies: (group) => store.groups.get(group)?.notifyMembers ?? true,
    };
    this.consumers = new Consumers(platform, membership, this.options.sqlFilters);
    this.topics.onChange((name, topic) => {
      if (topic === undefined) {
        this.deaths.forgetTopic(name);
        this.resets.forgetTopic(name);
        this.traffic.forgetTopic(name);
      } else this.consumers.topicChanged(name);
    });
    this.deaths = new ProcessDeaths(store, platform, this.options.clientsLive);
    this.resets = new PositionResets(store, this.consumers, platform);
    this.offsets = new OffsetBook(store, this.topics, this.consumers);
    this.duplicates = new DuplicateFilter(store);
    this.keys = new KeyHolds(store, platform.clock);
    this.traffic = new Traffic(platform.clock);
    const intake = new Intake(this.keys, this.options, platform);
    this.sends = new SendProcessor(
      store,
      this.topics,
      this.locks,
      this.duplicates,
      intake,
      this.traffic,
      this.options,
      platform.clock,
    );
    this.packs = new PackProcessor(store, this.sends, intake, this.traffic, this.options.address, platform.clock);
    this.pulls = new PullProcessor(
      store,
      this.topics,
      this.consumers,
      this.offsets,
      this.resets,
      this.traffic,
      this.options,
      platform,
    );
    this.sendBacks = new SendBackProcessor(store, this.topics, this.traffic, this.options, platform);
    this.producers = new Producers(platform.clock, this.options.mayCheck);
    const { address, transactions } = this.options;
    this.transactions = new TransactionProcessor(store, address, platform);
    this.transactionChecks = new TransactionChecks(store, this.producers, address, transactions, platform);
    this.handlers = this.table();
    this.serve = serveByTable(this.handlers);
  }

  async start(): Promise<void> {
    await this.topics.ensureSystemTopics();
    const opened: { close(): Promise<void> }[] = [];
    try {
      for (const book of [this.deaths, this.resets, this.locks]) {
        await book.open();
        opened.push(book);
      }
    } catch (error) {
      for (const book of opened) await book.close();
      throw error;
    }
    this.transactionChecks.start();
    this.sweeper = this.platform.clock.every(SWEEP_MILLIS, () => this.sweep());
  }

  /** Serves a channel all by itself; a server that has more to answer on it uses `attach` and `handlers`. */
  accept(channel: Channel): void {
    this.attach(channel);
    channel.onRequest(this.serve);
  }

  /** Lets the broker know when the channel closes: its members leave, its waiting pulls are dropped. */
  attach(channel: Channel): void {
    channel.onClose(() => {
      this.pulls.held.drop(channel);
      this.consumers.channelClosed(channel);
      this.producers.channelClosed(channel);
    });
  }

  /** The process of that client has died for certain, whatever its channel says: what it had locked is free. */
  clientDied(clientId: string): void {
    if (!this.stopped) this.locks.releaseClient(clientId);
  }

  figures(): BrokerFigures {
    return {
      messagesIn: this.sends.stored,
      messagesOut: this.pulls.delivered,
      deadLetters: this.sendBacks.deadLetters,
      heldPulls: this.pulls.held.size,
      consumerGroups: [...this.consumers.all()].length,
      refusedCommits: this.offsets.refused,
      disagreements: this.consumers.disagreements,
      delayedMessages: this.store.timers.pending,
      openTransactions: this.store.halves.size,
      transactionDeadLetters: this.transactionChecks.deadLetters + this.transactions.deadLetters,
      duplicates: this.duplicates.duplicates,
      evictedDedupIds: this.store.dedup.stats.evicted,
    };
  }

  /** Answers what waits and refuses what comes from now on. The store stays open; it is not the broker's. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.sweeper?.cancel();
    this.pulls.held.release();
    await this.transactionChecks.stop();
    await this.deaths.close();
    await this.resets.close();
    await this.locks.close();
  }

  private sweep(): void {
    try {
      this.consumers.sweep();
      this.locks.sweep();
      this.producers.sweep();
      this.traffic.sample();
    } catch (error) {
      // Out of a timer it would end the host's process.
      this.platform.logger.error('The broker could not sort out members and locks that have run out.', error);
    }
  }

  private table(): ReadonlyMap<number, RequestHandler> {
    const clients = new ClientProcessor(
      this.consumers,
      new GroupRegistry(this.store, this.topics, this.consumers),
      this.locks,
      this.deaths,
      this.producers,
      this.options.sqlFilters,
    );
    const offsets = new OffsetProcessor(this.store, this.offsets, this.consumers, this.deaths, this.resets);
    const keys = new KeyProcessor(this.keys, this.offsets, this.topics);
    const letters = new LetterProcessor(this.store, this.offsets);
    const locks = new LockProcessor(this.locks, this.consumers, this.topics, this.options.name);
    const admin = administration({
      store: this.store,
      topics: this.topics,
      consumers: this.consumers,
      producers: this.producers,
      offsets: this.offsets,
      resets: this.resets,
      held: this.pulls.held,
      traffic: this.traffic,
      options: this.options,
      platform: this.platform,
    });
    const replies = new ReplyProcessor(this.producers, this.options, this.platform);
    const handlers: [number, RequestHandler][] = [
      ...admin,
      [RequestCode.SEND_REPLY_MESSAGE, replies.handle],
      [RequestCode.SEND_REPLY_MESSAGE_V2, replies.handle],
      [RequestCode.SEND_MESSAGE, this.sends.handle],
      [RequestCode.SEND_MESSAGE_V2, this.sends.handle],
      [RequestCode.SEND_BATCH_MESSAGE, this.sends.handle],
      [ExtensionCode.SEND_PACK, this.packs.handle],
      [RequestCode.END_TRANSACTION, this.transactions.handle],
      [RequestCode.PULL_MESSAGE, this.pulls.handle],
      [RequestCode.LITE_PULL_MESSAGE, this.pulls.handle],
      [RequestCode.HEART_BEAT, clients.heartbeat],
      [RequestCode.UNREGISTER_CLIENT, clients.unregister],
      [RequestCode.GET_CONSUMER_LIST_BY_GROUP, clients.members],
      [RequestCode.CHECK_CLIENT_CONFIG, clients.checkSubscription],
      [ExtensionCode.HANDLE_ALONE, offsets.handleAlone],
      [RequestCode.QUERY_CONSUMER_OFFSET, offsets.query],
      [RequestCode.UPDATE_CONSUMER_OFFSET, offsets.update],
      [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, offsets.search],
      [RequestCode.GET_MAX_OFFSET, offsets.max],
      [RequestCode.GET_MIN_OFFSET, offsets.min],
      [RequestCode.GET_EARLIEST_MSG_STORETIME, offsets.earliestStoreTime],
      [RequestCode.LOCK_BATCH_MQ, locks.lock],
      [RequestCode.UNLOCK_BATCH_MQ, locks.unlock],
      [RequestCode.CONSUMER_SEND_MSG_BACK, this.sendBacks.handle],
      [ExtensionCode.MARK_DEAD_LETTERS, letters.mark],
      [ExtensionCode.DEAD_LETTER_STATES, letters.states],
      [ExtensionCode.HOLD_KEYS, keys.hold],
      [ExtensionCode.SPREAD_KEYS, keys.spread],
      [RequestCode.QUERY_MESSAGE, new QueryProcessor(this.store, this.options.name).handle],
    ];
    return new Map(handlers.map(([code, handler]) => [code, this.whileRunning(handler)]));
  }

  private whileRunning(handler: RequestHandler): RequestHandler {
    return (request, channel, respond) => {
      if (this.stopped) respond(refusal(ResponseCode.SERVICE_NOT_AVAILABLE, 'SHUTTING_DOWN: the broker is stopping'));
      else if (request.version >= Version.V5_0_0) handler(request, channel, respond);
      else handler(request, channel, (answer, sent) => respond(inWordsOf(request.version, answer), sent));
    };
  }
}
