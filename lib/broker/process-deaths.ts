import type { Platform } from '../platform/index.js';
import { MessagingError, type HandleAloneRequestHeader } from '../protocol/index.js';
import { IN_PROCESS_ADDRESS } from '../remoting/index.js';
import { JournaledTable, type MessageStore } from '../store/index.js';
import type { ConsumerGroup, GroupMember } from './consumer-group.js';
import { isInProcess } from './in-process.js';

/** So many deaths over the same messages are no accident. */
const DEATHS = 3;
/** Messages of one queue that a client may hold: any of these may have been in a handler when it died. */
const WINDOW = 1024;

/** What is held against the first unsettled messages of a group's queue. */
interface Suspicion {
  /** The group's position at the latest death. */
  readonly offset: number;
  readonly deaths: number;
  /** The messages below this are suspected. */
  readonly until: number;
  /** In a handler now, and no other suspect of that process. */
  readonly alone?: { readonly offset: number; readonly holder: string };
  /** Was in a handler alone when the process died. */
  readonly killer?: number;
}

/** By queue its suspicion; by group whether members in this process are at work. */
interface Entry {
  readonly suspicion?: Suspicion;
  readonly online?: boolean;
}

/** What a client is told that takes a suspected queue over. */
export interface Warning {
  readonly deaths: number;
  readonly suspectsUntil: number;
  readonly killer: number | undefined;
}

/**
 * Finds the message that kills its process, which no retry count can: nobody is left to send it back.
 *
 * A death is counted against the group's position in a queue: of members in this process when the store was not closed
 * in order, of others when their connection broke and someone else takes the queue over. The third death over the same
 * position makes its messages suspects. Suspects are handled one at a time, each announced durably, so that the next
 * death shows which one it was. Only that one becomes a dead letter.
 */
export class ProcessDeaths {
  /** Queues of members that vanished; counted when another member takes them over, forgotten when the same comes back. */
  private readonly vanished = new Map<string, { clientId: string; offset: number }>();
  /** Who has which queue's suspect in a handler. */
  private readonly holders = new Map<string, string>();

  private table!: JournaledTable<Entry>;
  private closed = false;

  constructor(
    private readonly store: MessageStore,
    private readonly platform: Platform,
    /** Whether the members in this process have outlived the broker before. */
    private readonly clientsLive: boolean = false,
  ) {}

  /** Opens the book and enters what the end of the last process says. Nothing else may be called before. */
  async open(): Promise<void> {
    const { fileSystem, logger } = this.platform;
    this.table = await JournaledTable.open<Entry>(fileSystem, `${this.store.path}/state`, 'deaths', logger);
    await this.enterLastProcess();
  }

  /** Members of the group are at work in this process. Resolves when a crash would be noticed; undefined if it would already. */
  online(group: string): Promise<void> | undefined {
    return this.table.peek(group)?.online === true ? undefined : this.change(group, { online: true });
  }

  left(group: ConsumerGroup, member: GroupMember, goodBye: boolean): void {
    if (this.closed) return;
    this.holders.delete(holderOf(member));
    if (isInProcess(member.channel)) {
      const last = ![...group.members()].some(({ channel }) => isInProcess(channel));
      if (last && this.table.peek(group.name)?.online === true) void this.change(group.name, undefined);
      return;
    }
    if (goodBye) return;
    for (const [topic, queueId] of group.queuesOf(member)) {
      const offset = this.position(group.name, topic, queueId);
      if (offset < this.store.maxOffset(topic, queueId)) {
        this.vanished.set(keyOf(group.name, topic, queueId), { clientId: member.clientId, offset });
      }
    }
  }

  /** A member asks where to go on in a queue. Resolves once the death of its predecessor is counted, if there was one. */
  takeOver(group: string, topic: string, queueId: number, clientId: string | undefined): Promise<void> | undefined {
    const key = keyOf(group, topic, queueId);
    const vanished = this.vanished.get(key);
    if (vanished === undefined || clientId === undefined) return undefined;
    this.vanished.delete(key);
    const offset = this.position(group, topic, queueId);
    // The same client again: its network broke, not its process. Another position: its messages were settled after all.
    if (vanished.clientId === clientId || vanished.offset !== offset) return undefined;
    return this.count(group, topic, queueId, vanished.clientId);
  }

  /** What to tell who goes on at the offset; undefined: nothing is suspected there. */
  warning(group: string, topic: string, queueId: number, offset: number): Warning | undefined {
    const key = keyOf(group, topic, queueId);
    const suspicion = this.table.peek(key)?.suspicion;
    if (suspicion === undefined || suspicion.deaths < DEATHS) return undefined;
    if (offset >= suspicion.until) {
      void this.change(key, undefined);
      return undefined;
    }
    return { deaths: suspicion.deaths, suspectsUntil: suspicion.until, killer: suspicion.killer };
  }

  /**
   * A suspect enters a handler, or leaves it. Resolves when that is durable.
   * @throws MessagingError BROKER_BUSY while another suspect of the same process is in a handler, OFFSET_OUT_OF_RANGE
   * for what is no suspect.
   */
  async handleAlone(header: HandleAloneRequestHeader, member: GroupMember): Promise<void> {
    const { consumerGroup, topic, queueId, queueOffset, done } = header;
    const key = keyOf(consumerGroup, topic, queueId);
    const holder = holderOf(member);
    const suspicion = this.table.peek(key)?.suspicion;
    if (
      suspicion === undefined ||
      suspicion.deaths < DEATHS ||
      queueOffset < suspicion.offset ||
      queueOffset >= suspicion.until
    ) {
      throw new MessagingError(
        'OFFSET_OUT_OF_RANGE',
        `Offset ${queueOffset} in queue ${queueId} of ${topic} is no suspect of group ${consumerGroup}; handle it as usual.`,
      );
    }
    if (done === true) {
      if (this.holders.get(holder) === key) this.holders.delete(holder);
      await this.table.set(key, { suspicion: { ...suspicion, alone: undefined } });
      return;
    }
    const busy = this.holders.get(holder);
    if (busy !== undefined && busy !== key) {
      throw new MessagingError(
        'BROKER_BUSY',
        `Another suspect of ${member.clientId} is in a handler; this one has to wait until that is done.`,
      );
    }
    this.holders.set(holder, key);
    await this.table.set(key, { suspicion: { ...suspicion, alone: { offset: queueOffset, holder } } });
  }

  /** A successor of the topic begins without suspicions. */
  forgetTopic(topic: string): void {
    const concerned = (key: string): boolean => key.split(' ')[1] === topic;
    for (const [key] of this.table.all()) if (concerned(key)) void this.change(key, undefined);
    for (const key of this.vanished.keys()) if (concerned(key)) this.vanished.delete(key);
    for (const [holder, key] of this.holders) if (concerned(key)) this.holders.delete(holder);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.table.close();
  }

  private async enterLastProcess(): Promise<void> {
    const groups = [...this.table.all()].filter(([, { online }]) => online === true).map(([group]) => group);
    const writes: Promise<void>[] = [];
    for (const group of groups) {
      writes.push(this.change(group, undefined));
      if (this.store.cleanStart || this.clientsLive) continue;
      for (const topic of Object.keys(this.store.groups.get(group)?.topics ?? {})) {
        const queues = this.store.topics.get(topic)?.readQueueNums ?? 0;
        for (let queueId = 0; queueId < queues; queueId++)
          writes.push(this.count(group, topic, queueId, IN_PROCESS_ADDRESS));
      }
    }
    await Promise.all(writes);
  }

  private async count(group: string, topic: string, queueId: number, holder: string): Promise<void> {
    const key = keyOf(group, topic, queueId);
    const before = this.table.peek(key)?.suspicion;
    const offset = this.position(group, topic, queueId);
    const end = this.store.maxOffset(topic, queueId);
    if (offset >= end) {
      if (before !== undefined) await this.change(key, undefined);
      return;
    }
    const suspicion = add(before, offset, end, holder);
    if (suspicion.deaths >= DEATHS) {
      const what =
        suspicion.killer === undefined
          ? 'its next messages are handled one at a time'
          : `the message at ${suspicion.killer} was in a handler alone and becomes a dead letter`;
      this.platform.logger.warn(
        `Group ${group}: the process has died ${suspicion.deaths} times over the messages from ${offset} on in queue ${queueId} of ${topic}; ${what}.`,
      );
    }
    await this.change(key, { suspicion });
  }

  private position(group: string, topic: string, queueId: number): number {
    return this.store.progress.query(group, topic, queueId) ?? this.store.minOffset(topic, queueId);
  }

  /** Never rejects: a full disk must keep no group from consuming, and a death that is not counted costs one more. */
  private async change(key: string, entry: Entry | undefined): Promise<void> {
    if (this.closed) return;
    return this.table.set(key, entry).catch((error: unknown) => {
      this.platform.logger.warn(`The book of process deaths could not be kept: ${(error as Error).message}`);
    });
  }
}

function add(before: Suspicion | undefined, offset: number, end: number, holder: string): Suspicion {
  const window = Math.min(end, offset + WINDOW);
  if (before === undefined) return { offset, deaths: 1, until: window };
  const alone = before.alone?.holder === holder ? before.alone.offset : before.killer;
  const killer = alone !== undefined && alone >= offset ? alone : undefined;
  if (before.offset === offset)
    return { offset, deaths: before.deaths + 1, until: Math.max(before.until, window), killer };
  // Going one at a time the group gets on between deaths; its suspects stay suspects until they are all behind it.
  if (before.deaths >= DEATHS && offset < before.until)
    return { offset, deaths: before.deaths + 1, until: before.until, killer };
  return { offset, deaths: 1, until: window };
}

/** Names have no spaces, so a queue's key is no group's. */
function keyOf(group: string, topic: string, queueId: number): string {
  return `${group} ${topic} ${queueId}`;
}

/** All members in this process die together; others by themselves. */
function holderOf(member: GroupMember): string {
  return isInProcess(member.channel) ? IN_PROCESS_ADDRESS : member.clientId;
}
