import type { Platform } from '../../platform/index.js';
import { MessagingError, type ConsumerData, type HeartbeatData } from '../../protocol/index.js';
import type { BrokerCalls } from './broker-calls.js';
import type { Heartbeats } from './client-core.js';
import type { ClientCounters } from '../counters.js';
import type { RouteTable } from './route-table.js';

/** Between attempts to get back to a broker whose connection broke; doubled each time. */
const FIRST_PAUSE_MILLIS = 100;
const LONGEST_PAUSE_MILLIS = 1000;

/** Keeps this client's groups known to every broker. */
export class HeartbeatService implements Heartbeats {
  private readonly consumers = new Map<string, ConsumerData>();
  /** Producer groups of transactions: their members are asked about them, so they have to be known. */
  private readonly transactionGroups = new Set<string>();
  /** Brokers have to know this client as a producer as well: replies find it by its id. */
  private awaitsReplies = false;
  private readonly restoring = new Set<string>();
  private closed = false;
  private brokers!: BrokerCalls;

  constructor(
    private readonly clientId: string,
    private readonly producerGroup: string,
    private readonly routes: RouteTable,
    private readonly counters: ClientCounters,
    private readonly platform: Platform,
  ) {}

  /** The calls greet with this service's data, so one of the two must come later. */
  connect(brokers: BrokerCalls): void {
    this.brokers = brokers;
  }

  /** What a new channel begins with; undefined while no group consumes, since a producer needs no greeting. */
  greeting(): HeartbeatData | undefined {
    return this.awaitsReplies || this.consumers.size + this.transactionGroups.size > 0 ? this.data() : undefined;
  }

  async register(data: ConsumerData): Promise<void> {
    this.consumers.set(data.groupName, data);
    await this.announce(`The group ${data.groupName}`);
  }

  async registerTransactions(group: string): Promise<void> {
    this.transactionGroups.add(group);
    await this.announce(`The transactions ${group}`);
  }

  async announceProducer(): Promise<void> {
    this.awaitsReplies = true;
    await this.announce('The requester');
  }

  async unregister(group: string): Promise<void> {
    this.consumers.delete(group);
    await this.unregisterEverywhere({ clientID: this.clientId, consumerGroup: group }, `leaving the group ${group}`);
  }

  async unregisterTransactions(): Promise<void> {
    const groups = [...this.transactionGroups];
    this.transactionGroups.clear();
    for (const producerGroup of groups)
      await this.unregisterEverywhere({ clientID: this.clientId, producerGroup }, `leaving ${producerGroup}`);
  }

  async unregisterProducer(): Promise<void> {
    await this.unregisterEverywhere({ clientID: this.clientId, producerGroup: this.producerGroup }, 'leaving');
  }

  async repeat(address: string): Promise<void> {
    await this.brokers.heartbeat(address, this.data());
  }

  /**
   * The connection to a broker broke: this client's groups make themselves known there again as soon as they can. A
   * consumer that neither pulls nor sends at the moment would otherwise be missing until its next heartbeat, and the
   * other members would take over queues that it still works on. Never rejects.
   */
  async restore(address: string): Promise<void> {
    if (this.restoring.has(address)) return;
    this.restoring.add(address);
    const { clock, logger } = this.platform;
    let pause = FIRST_PAUSE_MILLIS;
    // Not at once: whoever was in the middle of something asks for a channel right away.
    do {
      await clock.sleep(pause);
      if (!this.isMissing(address)) break;
      try {
        await this.brokers.open(address);
      } catch (error) {
        logger.debug(`The broker at ${address} is still away: ${(error as Error).message}`);
      }
      pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
    } while (this.isMissing(address));
    this.restoring.delete(address);
  }

  /** Attempts to get back to brokers end. */
  close(): void {
    this.closed = true;
  }

  private isMissing(address: string): boolean {
    if (this.closed || this.greeting() === undefined || this.brokers.peek(address) !== undefined) return false;
    return this.routes.brokerAddresses().includes(address);
  }

  /** One round. Never rejects: a broker that is away is met again by the next round or by the first request to it. */
  async beat(): Promise<{ reached: number; failures: string[] }> {
    const data = this.data();
    const addresses = this.consumers.size > 0 ? this.routes.brokerAddresses() : this.routes.masterAddresses();
    const failures: string[] = [];
    await Promise.all(
      addresses.map(async (address) => {
        try {
          await this.brokers.heartbeat(address, data);
        } catch (error) {
          this.counters.heartbeatFailed++;
          failures.push((error as Error).message);
          this.platform.logger.warn(`The heartbeat to the broker at ${address} failed: ${(error as Error).message}`);
        }
      }),
    );
    return { reached: addresses.length - failures.length, failures };
  }

  /** Rejects when no broker can be reached. */
  private async announce(what: string): Promise<void> {
    if (this.routes.brokerAddresses().length === 0) await this.routes.learnBrokers();
    const { reached, failures } = await this.beat();
    if (reached > 0) return;
    throw new MessagingError(
      'CONNECT_FAILED',
      `${what} could not be registered: ${failures.length === 0 ? 'the NameServer knows no broker' : failures.join('; ')}`,
    );
  }

  /** Whether brokers answer now: every broker is greeted once more. Never rejects, and says nothing to the log. */
  async probe(): Promise<{ reached: number; failures: string[] }> {
    const failures: string[] = [];
    try {
      if (this.routes.brokerAddresses().length === 0) await this.routes.learnBrokers();
    } catch (error) {
      return { reached: 0, failures: [(error as Error).message] };
    }
    const addresses = this.consumers.size > 0 ? this.routes.brokerAddresses() : this.routes.masterAddresses();
    const data = this.data();
    await Promise.all(
      addresses.map((address) =>
        this.brokers.heartbeat(address, data).catch((error: Error) => failures.push(error.message)),
      ),
    );
    return { reached: addresses.length - failures.length, failures };
  }

  private data(): HeartbeatData {
    return {
      clientID: this.clientId,
      producerDataSet: [this.producerGroup, ...this.transactionGroups].map((groupName) => ({ groupName })),
      consumerDataSet: [...this.consumers.values()],
    };
  }

  private async unregisterEverywhere(header: Parameters<BrokerCalls['unregister']>[1], what: string): Promise<void> {
    await Promise.all(
      this.routes.brokerAddresses().map(async (address) => {
        // Only where this client is known: opening a connection to say good-bye helps nobody.
        if (this.brokers.peek(address) === undefined) return;
        try {
          await this.brokers.unregister(address, header);
        } catch (error) {
          // The broker forgets a silent client by itself.
          this.platform.logger.warn(`${what}: the broker at ${address} was not told: ${(error as Error).message}`);
        }
      }),
    );
  }
}
