import type { Platform } from '../platform/index.js';
import type { Channel } from '../remoting/index.js';
import { JournaledTable, type MessageStore } from '../store/index.js';
import type { Consumers } from './consumers.js';
import type { GroupMember } from './consumer-group.js';
import { isInProcess } from './in-process.js';

/** A client that has not been seen for this long after a reset does not come back with what it knew before. */
const FORGET_AFTER = 24 * 3_600_000;

interface Entry {
  readonly clients: readonly string[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * After a position was moved by order: which members still work from the one before. What such a member commits counts
 * for nothing, and its pulls are answered with "start anew", until it has asked for the position again.
 *
 * Clients outside this process outlive the broker with what they know, so those are written down as well.
 */
export class PositionResets {
  /** By `group topic queueId` the ids of clients. Names have no spaces. */
  private readonly stale = new Map<string, Set<string>>();
  private table!: JournaledTable<Entry>;
  private closed = false;

  constructor(
    private readonly store: MessageStore,
    private readonly consumers: Consumers,
    private readonly platform: Platform,
  ) {}

  /** Takes over what the last process has left. Nothing else may be called before. */
  async open(): Promise<void> {
    const { fileSystem, logger, clock } = this.platform;
    this.table = await JournaledTable.open<Entry>(fileSystem, `${this.store.path}/state`, 'resets', logger);
    for (const [key, { clients, at }] of this.table.all()) {
      // Negative when the clock was set back: kept.
      if (clock.now() - at > FORGET_AFTER) this.strike(key);
      else this.stale.set(key, new Set(clients));
    }
  }

  /** From now on the members count as stale. Resolves when a crash would not make them count again. */
  begin(group: string, topic: string, queueId: number, members: readonly GroupMember[]): Promise<void> {
    const key = keyOf(group, topic, queueId);
    this.stale.delete(key);
    if (members.length > 0) this.stale.set(key, new Set(members.map(({ clientId }) => clientId)));
    const outside = members.filter(({ channel }) => !isInProcess(channel)).map(({ clientId }) => clientId);
    if (outside.length > 0) return this.table.set(key, { clients: outside, at: this.platform.clock.now() });
    return this.table.peek(key) === undefined ? Promise.resolve() : this.table.set(key, undefined);
  }

  /** Whether the client behind this channel still works from a position that was moved since. */
  isStale(group: string, topic: string, queueId: number, channel: Channel): boolean {
    // With nearly every pull and commit there is none at all.
    if (this.stale.size === 0) return false;
    const clients = this.stale.get(keyOf(group, topic, queueId));
    const member = clients === undefined ? undefined : this.consumers.group(group)?.memberOf(channel);
    return member !== undefined && clients!.has(member.clientId);
  }

  /** The client has asked where to go on. */
  refreshed(group: string, topic: string, queueId: number, channel: Channel): void {
    if (!this.isStale(group, topic, queueId, channel)) return;
    const member = this.consumers.group(group)!.memberOf(channel)!;
    this.forget(keyOf(group, topic, queueId), member.clientId);
  }

  /** A member that said good-bye, or that was in this process, does not come back as the same client. */
  left(group: string, { clientId, channel }: GroupMember, goodBye: boolean): void {
    if (this.closed || this.stale.size === 0 || (!goodBye && !isInProcess(channel))) return;
    for (const key of this.stale.keys()) if (key.startsWith(`${group} `)) this.forget(key, clientId);
  }

  /** A successor of the topic has positions of its own. */
  forgetTopic(topic: string): void {
    for (const key of this.stale.keys()) {
      if (key.split(' ')[1] !== topic) continue;
      this.stale.delete(key);
      this.strike(key);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.table.close();
  }

  private forget(key: string, clientId: string): void {
    const clients = this.stale.get(key);
    if (clients?.delete(clientId) !== true) return;
    if (clients.size > 0) return;
    this.stale.delete(key);
    this.strike(key);
  }

  /** Nobody waits for it: what a crash brings back makes a client ask once more. */
  private strike(key: string): void {
    if (this.closed || this.table.peek(key) === undefined) return;
    this.table.set(key, undefined).catch((error: unknown) => {
      this.platform.logger.warn(`A reset that is done could not be struck out: ${(error as Error).message}`);
    });
  }
}

function keyOf(group: string, topic: string, queueId: number): string {
  return `${group} ${topic} ${queueId}`;
}
