import type { ConsumerData, SubscriptionData } from '../protocol/index.js';
import type { Channel } from '../remoting/index.js';
import { compileSubscription, type Subscription, wishOf } from './subscription.js';

/** One client of a group. */
export interface GroupMember {
  readonly clientId: string;
  readonly channel: Channel;
  readonly language: number;
  readonly version: number;
  /** Monotonic milliseconds of its latest heartbeat. */
  lastSeen: number;
  readonly subscriptions: Map<string, Subscription>;
}

/** The members of one consumer group that are connected now. */
export class ConsumerGroup {
  private readonly byChannel = new Map<Channel, GroupMember>();
  private readonly byClient = new Map<string, GroupMember>();
  /** By topic and queue: who pulled there last. */
  private readonly pullers = new Map<string, (GroupMember | undefined)[]>();
  /** ... and from which offset on. */
  private readonly pulled = new Map<string, number[]>();
  consumeType = '';
  messageModel = '';
  consumeFromWhere = '';
  /** Where its members begin is known to themselves only: at a date, or as a client that pulls by itself was told. */
  looksUpItsStart = false;
  /** Whether members disagree about what the group wants; said once, until they agree again. */
  divided = false;

  constructor(
    readonly name: string,
    /** Whether members may filter by SQL. */
    private readonly sqlFilters = true,
  ) {}

  get empty(): boolean {
    return this.byClient.size === 0;
  }

  get broadcasting(): boolean {
    return this.messageModel === 'BROADCASTING';
  }

  members(): IterableIterator<GroupMember> {
    return this.byClient.values();
  }

  clientIds(): string[] {
    return [...this.byClient.keys()];
  }

  has(clientId: string): boolean {
    return this.byClient.has(clientId);
  }

  member(clientId: string): GroupMember | undefined {
    return this.byClient.get(clientId);
  }

  memberOf(channel: Channel): GroupMember | undefined {
    return this.byChannel.get(channel);
  }

  subscribes(topic: string): boolean {
    for (const member of this.byClient.values()) if (member.subscriptions.has(topic)) return true;
    return false;
  }

  notePull(channel: Channel, topic: string, queueId: number, offset: number): void {
    const member = this.byChannel.get(channel);
    if (member === undefined) return;
    const queues = this.pullers.get(topic);
    if (queues === undefined) this.pullers.set(topic, [...Array<undefined>(queueId), member]);
    else queues[queueId] = member;
    let offsets = this.pulled.get(topic);
    if (offsets === undefined) this.pulled.set(topic, (offsets = []));
    // Dense, or it would become a hash table.
    while (offsets.length < queueId) offsets.push(-1);
    offsets[queueId] = offset;
  }

  /** How far members have got that pull the queue; undefined when none has. */
  pulledTo(topic: string, queueId: number): number | undefined {
    const offset = this.pulled.get(topic)?.[queueId] ?? -1;
    return offset < 0 ? undefined : offset;
  }

  /** A member that has left: its channel must not be kept for as long as nobody else pulls what it pulled. */
  forgetPulls(member: GroupMember): void {
    for (const queues of this.pullers.values()) {
      for (let queueId = 0; queueId < queues.length; queueId++) {
        if (queues[queueId] === member) queues[queueId] = undefined;
      }
    }
  }

  /** The queues that nobody has pulled since this member did. */
  queuesOf(member: GroupMember): [topic: string, queueId: number][] {
    const found: [string, number][] = [];
    for (const [topic, queues] of this.pullers) {
      for (let queueId = 0; queueId < queues.length; queueId++) {
        if (queues[queueId] === member) found.push([topic, queueId]);
      }
    }
    return found;
  }

  /** What the client behind this channel wants of the topic; for a stranger, what any member wants. */
  subscription(channel: Channel, topic: string): Subscription | undefined {
    const member = this.byChannel.get(channel);
    if (member !== undefined) return member.subscriptions.get(topic);
    for (const other of this.byClient.values()) {
      const subscription = other.subscriptions.get(topic);
      if (subscription !== undefined) return subscription;
    }
    return undefined;
  }

  /** Takes over a heartbeat; true when members or subscriptions have changed, so that all must share the queues out again. */
  update(
    data: ConsumerData,
    clientId: string,
    channel: Channel,
    language: number,
    version: number,
    now: number,
  ): boolean {
    this.consumeType = data.consumeType;
    this.messageModel = data.messageModel;
    this.consumeFromWhere = data.consumeFromWhere;
    // A Java client that pulls by itself says LAST whatever it was told.
    this.looksUpItsStart =
      data.startAt === undefined &&
      (data.consumeFromWhere === 'CONSUME_FROM_TIMESTAMP' || data.consumeType === 'CONSUME_ACTIVELY');
    let member = this.byClient.get(clientId);
    let changed = false;
    if (member === undefined || member.channel !== channel) {
      if (member !== undefined) this.byChannel.delete(member.channel);
      const stranger = this.byChannel.get(channel);
      if (stranger !== undefined) this.byClient.delete(stranger.clientId);
      member = { clientId, channel, language, version, lastSeen: now, subscriptions: new Map() };
      this.byClient.set(clientId, member);
      this.byChannel.set(channel, member);
      changed = true;
    }
    member.lastSeen = now;
    if (!subscribe(member.subscriptions, data.subscriptionDataSet, this.sqlFilters)) return changed;
    for (const topic of this.pullers.keys()) {
      if (this.subscribes(topic)) continue;
      this.pullers.delete(topic);
      this.pulled.delete(topic);
    }
    return true;
  }

  removeClient(clientId: string): boolean {
    const member = this.byClient.get(clientId);
    if (member === undefined) return false;
    this.byClient.delete(clientId);
    this.byChannel.delete(member.channel);
    return true;
  }

  removeChannel(channel: Channel): GroupMember | undefined {
    const member = this.byChannel.get(channel);
    if (member !== undefined) this.removeClient(member.clientId);
    return member;
  }

  /** Whether two members want different things, as they do in the middle of a rolling deployment. */
  disagrees(): boolean {
    let first: GroupMember | undefined;
    for (const member of this.byClient.values()) {
      if (first === undefined) first = member;
      else if (!sameSubscriptions(first.subscriptions, member.subscriptions)) return true;
    }
    return false;
  }
}

/** Brings the subscriptions up to date; true when topics or expressions have changed. */
function subscribe(
  current: Map<string, Subscription>,
  wanted: readonly SubscriptionData[],
  sqlFilters: boolean,
): boolean {
  let changed = false;
  const topics = new Set<string>();
  for (const data of wanted) {
    topics.add(data.topic);
    const old = current.get(data.topic);
    const same = old?.wish === wishOf(data);
    if (same && old!.version >= data.subVersion) continue;
    if (!same) changed = true;
    current.set(data.topic, compileSubscription(data, sqlFilters));
  }
  for (const topic of current.keys()) {
    if (!topics.has(topic)) {
      current.delete(topic);
      changed = true;
    }
  }
  return changed;
}

function sameSubscriptions(a: ReadonlyMap<string, Subscription>, b: ReadonlyMap<string, Subscription>): boolean {
  if (a.size !== b.size) return false;
  for (const [topic, subscription] of a) {
    const other = b.get(topic);
    if (other === undefined || other.wish !== subscription.wish) return false;
  }
  return true;
}
