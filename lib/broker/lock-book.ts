import type { Platform } from '../platform/index.js';
import { JournaledTable, type MessageStore } from '../store/index.js';

/**
 * Which client outside this process holds which queue, on the disk: such a client and its handlers outlive the broker.
 * Written when the holder changes and not when it renews, so that a group at rest writes nothing.
 */
export class LockBook {
  /** By `group topic queueId` the client id. Names have no spaces. */
  private table!: JournaledTable<string>;
  private closed = false;
  private failing = false;

  constructor(
    private readonly store: MessageStore,
    private readonly platform: Platform,
  ) {}

  /** Nothing else may be called before. Returns what an earlier process has left. */
  async open(): Promise<ReadonlyMap<string, string>> {
    const { fileSystem, logger } = this.platform;
    this.table = await JournaledTable.open<string>(fileSystem, `${this.store.path}/state`, 'locks', logger);
    return new Map(this.table.all());
  }

  /** Keys with the holder that they have once the changes under way are durable. */
  *all(): IterableIterator<[key: string, clientId: string]> {
    for (const key of [...this.table.all()].map(([name]) => name)) {
      const clientId = this.table.peek(key);
      if (clientId !== undefined) yield [key, clientId];
    }
  }

  /**
   * Undefined when the entry is durable already; otherwise resolves when it is. Never rejects: a disk that takes no
   * changes must keep no group from consuming. The next renewal tries again.
   */
  enter(key: string, clientId: string): Promise<void> | undefined {
    if (this.closed) return undefined;
    if (this.table.peek(key) !== clientId) return this.watch(this.table.set(key, clientId));
    // Perhaps by a request whose write is still under way: this one's answer has to wait for it as well.
    return this.table.get(key) === clientId ? undefined : this.watch(this.table.settle());
  }

  /** Nobody waits for it: an entry that a crash brings back only makes the next holder wait. */
  strike(key: string): void {
    if (!this.closed && this.table.peek(key) !== undefined) void this.watch(this.table.set(key, undefined));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.table.close();
  }

  private watch(write: Promise<void>): Promise<void> {
    return write.then(
      () => void (this.failing = false),
      (error: unknown) => {
        // Once per outage, not with every renewal.
        if (!this.failing) {
          this.platform.logger.warn(
            `Queue locks could not be stored, so a restart of the broker may free them too early: ${(error as Error).message}`,
          );
        }
        this.failing = true;
      },
    );
  }
}
