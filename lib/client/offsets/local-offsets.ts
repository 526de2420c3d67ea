import { createHash } from 'node:crypto';
import { messageQueueKey, Namespace, type MessageQueue } from '../../protocol/index.js';
import type { FileHandle } from '../../platform/index.js';
import type { GroupContext } from '../consumer/group-context.js';
import { afterDeath, DEATHS, readSuspicion, type LocalSuspicion } from './local-deaths.js';
import { startOffset, suspectsText, type OffsetStore, type QueuePosition, type StartPosition } from './offset-store.js';
import type { Suspicion } from '../dispatch/suspicion.js';

const FORMAT = 1;
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * Positions of a broadcast group, which belong to one instance: in memory, and in a file of that instance if there is a
 * directory for it, together with what is held against messages that its processes died over. The file's name is a hash, since names of groups and instances must never become a path.
 */
export class LocalOffsets implements OffsetStore {
  private readonly offsets = new Map<string, number>();
  private readonly directory: string | undefined;
  private readonly path: string;
  private readonly suspicions = new Map<string, LocalSuspicion>();
  /** Queues of which the death of the last process is still to be counted. */
  private readonly uncounted = new Set<string>();
  /** The file says so while a process is at work: found at a start, it means that the last one died. */
  private open = false;
  private known = false;
  /** What the instance listens to; undefined for a file that was written before this was noted. */
  private topics: ReadonlySet<string> | undefined;
  private loaded = false;
  private dirty = false;
  private writing: Promise<boolean> = Promise.resolve(true);

  constructor(private readonly group: GroupContext) {
    const { application, connection, namespace, instance, localOffsets } = group.core.settings;
    this.directory = localOffsets;
    const { group: name } = group.settings;
    const full = namespace === undefined ? name : new Namespace(namespace).wrapGroup(name);
    const identity = JSON.stringify([application, connection, instance ?? '', full]);
    const hash = createHash('sha256').update(identity).digest('hex').slice(0, 40);
    this.path = `${localOffsets ?? ''}/${hash}.json`;
  }

  async initialise(queues: readonly MessageQueue[], topics: readonly string[]): Promise<void> {
    await this.load();
    for (const queue of queues) {
      const key = messageQueueKey(queue);
      if (this.offsets.has(key)) continue;
      // A queue that an instance does not know was added meanwhile, when it has listened to the topic before: all of it
      // is new. To a topic that it begins with now it comes like a new group.
      this.offsets.set(key, this.hasListenedTo(queue.topic) ? 0 : await startOffset(this.group, queue));
    }
    this.topics = new Set(topics);
    this.open = true;
    this.dirty = true;
    await this.write();
  }

  async read(queue: MessageQueue): Promise<StartPosition> {
    await this.load();
    const key = messageQueueKey(queue);
    const offset = this.offsets.get(key) ?? 0;
    if (this.uncounted.has(key)) await this.countDeath(queue, key, offset);
    return { offset, suspicion: this.suspicionOf(queue, key, offset) };
  }

  async save(positions: readonly QueuePosition[]): Promise<void> {
    for (const { queue, offset } of positions) {
      if (offset === queue.persistedOffset) continue;
      this.offsets.set(messageQueueKey(queue), offset);
      queue.persistedOffset = offset;
      this.dirty = true;
    }
    await this.write();
  }

  async saveNow(positions: readonly QueuePosition[]): Promise<void> {
    await this.save(positions);
  }

  async forget(queue: MessageQueue): Promise<void> {
    const key = messageQueueKey(queue);
    this.offsets.delete(key);
    await this.note(key, undefined);
  }

  async secure(queue: QueuePosition['queue'], offset: number): Promise<boolean> {
    this.offsets.set(messageQueueKey(queue), offset);
    queue.persistedOffset = offset;
    this.dirty = true;
    return this.write();
  }

  async close(): Promise<void> {
    // Not even loaded: writing now would replace what is there.
    if (!this.open) return;
    this.open = false;
    // A handler that still runs has had its time; what ends the process from now on is no fault of its message.
    for (const [key, suspicion] of this.suspicions) this.suspicions.set(key, { ...suspicion, alone: undefined });
    this.dirty = true;
    await this.write();
  }

  private hasListenedTo(topic: string): boolean {
    return this.known && (this.topics === undefined || this.topics.has(topic));
  }

  private async countDeath(queue: MessageQueue, key: string, offset: number): Promise<void> {
    const after = afterDeath(this.suspicions.get(key), offset, await this.group.core.brokers.maxOffset(queue));
    this.uncounted.delete(key);
    await this.note(key, after);
  }

  private suspicionOf(queue: MessageQueue, key: string, offset: number): Suspicion | undefined {
    const suspicion = this.suspicions.get(key);
    if (suspicion === undefined || suspicion.deaths < DEATHS || offset >= suspicion.until) return undefined;
    const { deaths, until, killer } = suspicion;
    this.group.core.platform.logger.warn(suspectsText(this.group, queue, deaths, until));
    return {
      deaths,
      until,
      killer,
      announce: (at, done) => this.note(key, { ...suspicion, alone: done ? undefined : at }),
      leaveBehind: (position) => this.leaveBehind(key, position),
    };
  }

  private async leaveBehind(key: string, position: number): Promise<void> {
    this.offsets.set(key, position);
    this.dirty = true;
    await this.write();
  }

  private async note(key: string, suspicion: LocalSuspicion | undefined): Promise<void> {
    if (suspicion === undefined) this.suspicions.delete(key);
    else this.suspicions.set(key, suspicion);
    this.dirty = true;
    await this.write();
  }

  private async load(): Promise<void> {
    if (this.loaded) return;
    this.loaded = true;
    const { fileSystem, logger } = this.group.core.platform;
    if (this.directory === undefined || !(await fileSystem.exists(this.path))) return;
    const file = await fileSystem.open(this.path, 'read');
    try {
      this.take(await readAll(file));
      this.known = true;
    } catch (error) {
      logger.error(
        `The positions of the broadcast group ${this.group.settings.group} in ${this.path} cannot be read; ` +
          'it starts like a new group. Remove the file to get rid of this message',
        error,
      );
    } finally {
      await file.close();
    }
  }

  private take(text: string): void {
    const content = JSON.parse(text) as {
      format?: unknown;
      offsets?: unknown;
      topics?: unknown;
      open?: unknown;
      suspects?: unknown;
    };
    if (content.format !== FORMAT || typeof content.offsets !== 'object' || content.offsets === null) {
      throw new Error(`it has the format ${String(content.format)}, not ${FORMAT}`);
    }
    for (const [key, offset] of Object.entries(content.offsets)) {
      if (!Number.isSafeInteger(offset) || offset < 0) throw new Error(`the position of ${key} is ${String(offset)}`);
      this.offsets.set(key, offset as number);
      if (content.open === true) this.uncounted.add(key);
    }
    if (Array.isArray(content.topics)) this.topics = new Set(content.topics as string[]);
    for (const [key, value] of Object.entries(content.suspects ?? {})) {
      const suspicion = readSuspicion(value);
      if (suspicion !== undefined) this.suspicions.set(key, suspicion);
    }
  }

  /**
   * One write at a time; never rejects, the next one repeats what is missing. Resolves with whether everything from before
   * the call is written. Without a directory nothing outlives the process, hence no delivery either.
   */
  private write(): Promise<boolean> {
    this.writing = this.writing.then(async () => {
      if (this.directory === undefined || !this.dirty) return true;
      this.dirty = false;
      try {
        await this.replaceFile(this.directory);
        return true;
      } catch (error) {
        this.dirty = true;
        this.group.core.platform.logger.error(
          `The positions of the broadcast group ${this.group.settings.group} could not be written to ${this.path}`,
          error,
        );
        return false;
      }
    });
    return this.writing;
  }

  // Written beside, synced, renamed: a crash leaves the old file or the new one, never half of one.
  private async replaceFile(directory: string): Promise<void> {
    const { fileSystem } = this.group.core.platform;
    const content = {
      format: FORMAT,
      offsets: Object.fromEntries(this.offsets),
      topics: [...(this.topics ?? [])],
      open: this.open,
      suspects: Object.fromEntries(this.suspicions),
    };
    const bytes = Buffer.from(JSON.stringify(content));
    const temporary = `${this.path}.tmp`;
    await fileSystem.makeDirectory(directory);
    await fileSystem.remove(temporary);
    const file = await fileSystem.open(temporary, 'create');
    try {
      await file.write(bytes, 0);
      await file.datasync();
    } finally {
      await file.close();
    }
    await fileSystem.rename(temporary, this.path);
    await fileSystem.syncDirectory(directory);
  }
}

async function readAll(file: FileHandle): Promise<string> {
  const size = await file.size();
  if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes`);
  const bytes = Buffer.alloc(size);
  const read = await file.read(bytes, 0);
  return bytes.toString('utf8', 0, read);
}
