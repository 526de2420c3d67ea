import type { Platform } from '../platform/index.js';
import { type ConsumerData, createRequest, RequestCode } from '../protocol/index.js';
import type { Channel } from '../remoting/index.js';
import { ConsumerGroup, type GroupMember } from './consumer-group.js';

/** A member whose heartbeats have stopped for this long is gone. */
const MEMBER_EXPIRY = 120_000;

/** Told when members come and go; the reasons differ in what they say about the messages in the member's hands. */
export interface MembershipListener {
  /** The first member of a group is there. */
  groupOnline(group: string): void;
  /** A member has left: `unregistered` with a good-bye, otherwise by a closed channel or for want of heartbeats. */
  memberLeft(group: ConsumerGroup, member: GroupMember, unregistered: boolean): void;
  /** Whether members of the group are told at once when others come and go. */
  notifies(group: string): boolean;
}

/** All consumer groups with members. */
export class Consumers {
  private readonly groups = new Map<string, ConsumerGroup>();
  private readonly channels = new Map<Channel, Set<ConsumerGroup>>();
  /** How often members of one group were seen to want different things. */
  disagreements = 0;

  constructor(
    private readonly platform: Platform,
    private readonly listener: MembershipListener,
    private readonly sqlFilters = true,
  ) {}

  group(name: string): ConsumerGroup | undefined {
    return this.groups.get(name);
  }

  all(): IterableIterator<ConsumerGroup> {
    return this.groups.values();
  }

  /** Who is behind the channel; undefined for one that consumes nothing. */
  clientOf(channel: Channel): string | undefined {
    for (const group of this.channels.get(channel) ?? []) return group.memberOf(channel)?.clientId;
    return undefined;
  }

  heartbeat(data: ConsumerData, clientId: string, channel: Channel, language: number, version: number): void {
    if (channel.closed) return;
    let group = this.groups.get(data.groupName);
    if (group === undefined)
      this.groups.set(data.groupName, (group = new ConsumerGroup(data.groupName, this.sqlFilters)));
    const first = group.empty;
    const changed = group.update(data, clientId, channel, language, version, this.platform.clock.monotonic());
    let own = this.channels.get(channel);
    if (own === undefined) this.channels.set(channel, (own = new Set()));
    own.add(group);
    if (first) this.listener.groupOnline(group.name);
    if (changed) {
      this.compare(group);
      this.notify(group);
    }
  }

  unregister(groupName: string, clientId: string): void {
    const group = this.groups.get(groupName);
    if (group === undefined) return;
    for (const member of group.members()) {
      if (member.clientId === clientId) {
        group.removeClient(clientId);
        this.channels.get(member.channel)?.delete(group);
        this.left(group, member, true);
        return;
      }
    }
  }

  channelClosed(channel: Channel): void {
    const own = this.channels.get(channel);
    if (own === undefined) return;
    this.channels.delete(channel);
    for (const group of own) {
      const member = group.removeChannel(channel);
      if (member !== undefined) this.left(group, member, false);
    }
  }

  /** A topic has appeared or got more queues: its groups look again, instead of at the next refresh of their routes. */
  topicChanged(topic: string): void {
    for (const group of this.groups.values()) if (group.subscribes(topic)) this.notify(group, topic);
  }

  /** Sends away who has not been heard of; called every few seconds. */
  sweep(): void {
    const now = this.platform.clock.monotonic();
    for (const group of this.groups.values()) {
      for (const member of [...group.members()]) {
        if (now - member.lastSeen <= MEMBER_EXPIRY) continue;
        this.platform.logger.warn(
          `The consumer ${member.clientId} of group ${group.name} has sent no heartbeat for ${MEMBER_EXPIRY / 1000} s; its queues are shared out again`,
        );
        group.removeClient(member.clientId);
        this.channels.get(member.channel)?.delete(group);
        this.left(group, member, false);
      }
    }
  }

  private left(group: ConsumerGroup, member: GroupMember, unregistered: boolean): void {
    if (group.empty) this.groups.delete(group.name);
    this.listener.memberLeft(group, member, unregistered);
    group.forgetPulls(member);
    if (!group.empty) {
      this.compare(group);
      this.notify(group);
    }
  }

  private compare(group: ConsumerGroup): void {
    const divided = group.disagrees();
    if (divided && !group.divided) {
      this.disagreements++;
      this.platform.logger.warn(
        `Members of group ${group.name} subscribe to different topics, tags or filters; each gets what it asks for of its own queues, ` +
          'the rest of those queues is skipped for the whole group. Give every member of a group the same listeners.',
      );
    }
    group.divided = divided;
  }

  private notify(group: ConsumerGroup, topic?: string): void {
    if (!this.listener.notifies(group.name)) return;
    for (const member of group.members()) {
      const header = { consumerGroup: group.name, topic };
      member.channel.oneway(createRequest(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, header));
    }
  }
}
