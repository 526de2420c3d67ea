import type { Clock } from '../platform/index.js';
import type { ProducerData } from '../protocol/index.js';
import type { Channel } from '../remoting/index.js';

/** A producer whose heartbeats have stopped for this long is gone. */
const PRODUCER_EXPIRY = 120_000;

/** One client of a producer group. */
export interface ProducerMember {
  readonly clientId: string;
  /** Position in `LANGUAGES`. */
  readonly language: number;
  /** MQVersion ordinal. */
  readonly version: number;
  /** On the monotonic clock. */
  readonly lastSeen: number;
}

/** The producers that are connected, by group: whom the broker can ask about a transaction. */
export class Producers {
  private readonly groups = new Map<string, Map<Channel, ProducerMember>>();
  /** By id, of those that have sent a heartbeat. */
  private readonly clients = new Map<string, Channel>();

  constructor(
    private readonly clock: Clock,
    private readonly mayCheck: (channel: Channel, topic: string) => boolean = () => true,
  ) {}

  heartbeat(
    groups: readonly ProducerData[],
    clientId: string,
    channel: Channel,
    language: number,
    version: number,
  ): void {
    if (channel.closed) return;
    this.clients.set(clientId, channel);
    for (const { groupName } of groups) {
      let members = this.groups.get(groupName);
      if (members === undefined) this.groups.set(groupName, (members = new Map()));
      members.set(channel, { clientId, language, version, lastSeen: this.clock.monotonic() });
    }
  }

  /** The groups that have members. */
  names(): IterableIterator<string> {
    return this.groups.keys();
  }

  members(group: string): [Channel, ProducerMember][] {
    return [...(this.groups.get(group) ?? [])].filter(([channel]) => !channel.closed);
  }

  has(group: string): boolean {
    for (const channel of this.groups.get(group)?.keys() ?? []) if (!channel.closed) return true;
    return false;
  }

  /**
   * One of the group's connections that may send to the topic, each in turn: one that never answers must not be the only
   * one that is asked.
   */
  next(group: string, topic: string): Channel | undefined {
    const members = this.groups.get(group);
    for (const [channel, member] of members ?? []) {
      if (channel.closed || !this.mayCheck(channel, topic)) continue;
      // To the end of the line.
      members!.delete(channel);
      members!.set(channel, member);
      return channel;
    }
    return undefined;
  }

  /** The connection of one client; undefined when it is not there. */
  ofClient(clientId: string): Channel | undefined {
    const channel = this.clients.get(clientId);
    return channel === undefined || channel.closed ? undefined : channel;
  }

  unregister(group: string, clientId: string, channel: Channel): void {
    const members = this.groups.get(group);
    if (members?.get(channel)?.clientId === clientId) this.remove(group, members, channel);
  }

  channelClosed(channel: Channel): void {
    for (const [group, members] of this.groups) this.remove(group, members, channel);
    for (const [clientId, known] of this.clients) if (known === channel) this.clients.delete(clientId);
  }

  sweep(): void {
    const now = this.clock.monotonic();
    for (const [group, members] of this.groups)
      for (const [channel, { lastSeen }] of members)
        if (now - lastSeen > PRODUCER_EXPIRY) this.remove(group, members, channel);
  }

  private remove(group: string, members: Map<Channel, ProducerMember>, channel: Channel): void {
    members.delete(channel);
    if (members.size === 0) this.groups.delete(group);
  }
}
