import type { FileSystem, Platform } from '../platform/index.js';
import { decodeKvConfigFile, encodeKvConfigFile, MessagingError } from '../protocol/index.js';

/** Which queues of a topic keys hash over, `brokerA:4;brokerB:4` by topic: what `updateTopic -o` and `updateOrderConf` set. */
export const ORDER_TOPIC_CONFIG = 'ORDER_TOPIC_CONFIG';

/** What one server keeps for administrators; far above any use, far below what would hurt. */
const MOST_ENTRIES = 10_000;
const LONGEST_NAME = 255;
const LONGEST_VALUE = 64 * 1024;
const FILE = 'kvConfig.json';

type Namespaces = Map<string, Map<string, string>>;

interface Change {
  /** Throws when it cannot be made. */
  readonly apply: (namespaces: Namespaces) => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Settings that administrators put down on a NameServer: namespace, key, value. In RocketMQ's own file, so that one can
 * take the other's place; replaced as a whole, by temporary name, sync, rename and sync of the directory.
 */
export class KvConfig {
  private namespaces: Namespaces = new Map();
  private readonly waiting: Change[] = [];
  private writing = false;

  private constructor(
    private readonly fileSystem: FileSystem,
    private readonly directory: string | undefined,
  ) {}

  /** Keeps it in memory only. */
  static inMemory({ fileSystem }: Platform): KvConfig {
    return new KvConfig(fileSystem, undefined);
  }

  /** @throws MessagingError STORE_DAMAGED when there is a file that cannot be read: to start without it would undo it. */
  static async open({ fileSystem }: Platform, directory: string): Promise<KvConfig> {
    const config = new KvConfig(fileSystem, directory);
    const path = `${directory}/${FILE}`;
    if (!(await fileSystem.exists(path))) return config;
    const file = await fileSystem.open(path, 'read');
    try {
      const bytes = Buffer.alloc(await file.size());
      config.namespaces = decodeKvConfigFile(bytes.subarray(0, await file.read(bytes, 0)));
    } catch (error) {
      throw new MessagingError(
        'STORE_DAMAGED',
        `${path} cannot be read: ${(error as Error).message} Restore it from a backup, or remove it to start without what it sets down.`,
        { cause: error },
      );
    } finally {
      await file.close();
    }
    return config;
  }

  get(namespace: string, key: string): string | undefined {
    return this.namespaces.get(namespace)?.get(key);
  }

  list(namespace: string): ReadonlyMap<string, string> | undefined {
    return this.namespaces.get(namespace);
  }

  /** Resolves when a crash would not take it back. */
  put(namespace: string, key: string, value: string): Promise<void> {
    check('namespace', namespace, LONGEST_NAME);
    check('key', key, LONGEST_NAME);
    check('value', value, LONGEST_VALUE);
    return this.change((namespaces) => {
      let entries = 0;
      for (const table of namespaces.values()) entries += table.size;
      if (entries >= MOST_ENTRIES && namespaces.get(namespace)?.has(key) !== true) {
        throw new MessagingError(
          'BROKER_BUSY',
          `The KV configuration has ${entries} entries and takes no more; delete some.`,
        );
      }
      this.ownTable(namespaces, namespace).set(key, value);
    });
  }

  /** What is not there is no error. */
  delete(namespace: string, key: string): Promise<void> {
    return this.change((namespaces) => {
      const table = this.ownTable(namespaces, namespace);
      table.delete(key);
      if (table.size === 0) namespaces.delete(namespace);
    });
  }

  private change(apply: Change['apply']): Promise<void> {
    const changed = new Promise<void>((resolve, reject) => this.waiting.push({ apply, resolve, reject }));
    if (!this.writing) void this.work();
    return changed;
  }

  /** A table that can be changed: what is served stays as it is until the change is written. */
  private ownTable(namespaces: Namespaces, namespace: string): Map<string, string> {
    const table = namespaces.get(namespace);
    if (table !== undefined && table !== this.namespaces.get(namespace)) return table;
    const own = new Map(table);
    namespaces.set(namespace, own);
    return own;
  }

  /** Writes what has come together meanwhile as one. */
  private async work(): Promise<void> {
    this.writing = true;
    while (this.waiting.length > 0) {
      const namespaces = new Map(this.namespaces);
      const applied = this.waiting.splice(0).filter(({ apply, reject }) => {
        try {
          apply(namespaces);
          return true;
        } catch (error) {
          reject(error);
          return false;
        }
      });
      try {
        if (this.directory !== undefined) await this.write(this.directory, encodeKvConfigFile(namespaces));
        this.namespaces = namespaces;
        for (const { resolve } of applied) resolve();
      } catch (error) {
        for (const { reject } of applied) reject(error);
      }
    }
    this.writing = false;
  }

  private async write(directory: string, bytes: Buffer): Promise<void> {
    const path = `${directory}/${FILE}`;
    try {
      await this.fileSystem.makeDirectory(directory);
      await this.fileSystem.remove(`${path}.tmp`);
      const file = await this.fileSystem.open(`${path}.tmp`, 'create');
      try {
        await file.write(bytes, 0);
        await file.datasync();
      } finally {
        await file.close();
      }
      await this.fileSystem.rename(`${path}.tmp`, path);
      await this.fileSystem.syncDirectory(directory);
    } catch (error) {
      throw new MessagingError(
        'BROKER_ERROR',
        `${path} could not be written (${(error as Error).message}). The change does not count; check the disk and its permissions.`,
        { cause: error },
      );
    }
  }
}

function check(what: string, text: string, longest: number): void {
  if (text !== '' && text.length <= longest) return;
  throw new MessagingError(
    'BAD_ARGUMENT',
    `The ${what} of a KV configuration has 1 to ${longest} characters, not ${text.length}.`,
  );
}
