import {
  type FileHandle,
  type FileSystem,
  MemoryFileSystem,
  type Platform,
  SeededRandom,
  silentLogger,
  systemPlatform,
  VirtualClock,
} from '../../lib/platform/index.js';
import { decodeRecords, type MessageRecord } from '../../lib/protocol/index.js';
import { MessageStore, type ReadResult, type StoreMessage, type StoreOptions } from '../../lib/store/index.js';

export const STORE_PATH = '/store';
export const TOPIC = 'orders';

/** Real time by default; a virtual clock where a test moves time itself. */
export function platformOn(fileSystem: FileSystem, overrides: Partial<Platform> = {}): Platform {
  return systemPlatform({ fileSystem, random: new SeededRandom(1), logger: silentLogger, ...overrides });
}

export interface OpenedStore {
  readonly store: MessageStore;
  readonly fileSystem: FileSystem;
  readonly platform: Platform;
}

export const SMALL: Omit<StoreOptions, 'path' | 'storeHost'> = {
  segmentBytes: 64 * 1024,
  batchBytes: 16 * 1024,
  tailBytes: 32 * 1024,
  consumeQueueFileEntries: 64,
};

export async function openStore(
  fileSystem: FileSystem = new MemoryFileSystem(),
  options: Partial<StoreOptions> = {},
  overrides: Partial<Platform> = {},
): Promise<OpenedStore> {
  const platform = platformOn(fileSystem, overrides);
  const store = await MessageStore.open(
    { path: STORE_PATH, storeHost: '127.0.0.1:10911', ...SMALL, ...options },
    platform,
  );
  await store.createTopic(TOPIC, { readQueueNums: 4, writeQueueNums: 4 });
  return { store, fileSystem, platform };
}

export function message(text: string, overrides: Partial<StoreMessage> = {}): StoreMessage {
  return {
    topic: TOPIC,
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_000,
    bornHost: '127.0.0.1:50000',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    properties: 'UNIQ_KEY\x01ABC\x02TAGS\x01created\x02',
    body: Buffer.from(text),
    ...overrides,
  };
}

/** A body of about this many bytes that can be told from others. */
export function text(index: number, bytes = 20): string {
  return `message ${index} `.padEnd(bytes, 'x');
}

/** Puts texts into one queue, all at once, and waits until they are acknowledged. */
export async function putAll(store: MessageStore, texts: readonly string[], queueId = 0): Promise<void> {
  await Promise.all(texts.map((each) => store.putAsync(message(each, { queueId }))));
}

export function texts(count: number, bytes = 20, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => text(first + index, bytes));
}

export function recordsOf(result: ReadResult): MessageRecord[] {
  return result.chunks.flatMap((chunk) => decodeRecords(chunk));
}

/** All that a queue holds, from its minimum offset on. */
export async function readAll(store: MessageStore, queueId = 0, topic = TOPIC): Promise<MessageRecord[]> {
  const records: MessageRecord[] = [];
  let offset = store.minOffset(topic, queueId);
  while (offset < store.maxOffset(topic, queueId)) {
    const result = await store.read({ topic, queueId, offset, maxMessages: 32, maxBytes: 256 * 1024 });
    records.push(...recordsOf(result));
    offset = result.nextBeginOffset;
  }
  return records;
}

export async function readTexts(store: MessageStore, queueId = 0, topic = TOPIC): Promise<string[]> {
  return (await readAll(store, queueId, topic)).map((record) => record.body.toString());
}

/** Names and contents of all files below a directory. */
export async function contentsBelow(fileSystem: FileSystem, directory: string): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  for (const name of await fileSystem.list(directory)) {
    const path = `${directory}/${name}`;
    let handle: FileHandle;
    try {
      handle = await fileSystem.open(path, 'read');
    } catch {
      for (const [below, bytes] of await contentsBelow(fileSystem, path)) contents.set(below, bytes);
      continue;
    }
    const bytes = Buffer.alloc(await handle.size());
    await handle.read(bytes, 0);
    await handle.close();
    contents.set(path, bytes);
  }
  return contents;
}

/** Resolves once the condition holds; fails after so many turns that it never will. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 100_000) throw new Error(`never became true: ${String(condition)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A file system whose syncs of the log can be held back. */
export function holdingBack(inner: FileSystem): FileSystem & { hold(): void; letGo(): void; readonly held: number } {
  let gate: Promise<void> | undefined;
  let open: () => void = () => undefined;
  let held = 0;
  const wrap = (handle: FileHandle): FileHandle => ({
    write: (bytes, position) => handle.write(bytes, position),
    read: (target, position) => handle.read(target, position),
    datasync: async () => {
      if (gate !== undefined) {
        held++;
        await gate;
      }
      await handle.datasync();
    },
    truncate: (size) => handle.truncate(size),
    size: () => handle.size(),
    close: () => handle.close(),
  });
  const fileSystem: FileSystem = {
    open: async (path, mode) => {
      const handle = await inner.open(path, mode);
      return path.includes('/commitlog/') ? wrap(handle) : handle;
    },
    list: (path) => inner.list(path),
    exists: (path) => inner.exists(path),
    makeDirectory: (path) => inner.makeDirectory(path),
    rename: (from, to) => inner.rename(from, to),
    remove: (path) => inner.remove(path),
    removeDirectory: (path) => inner.removeDirectory(path),
    syncDirectory: (path) => inner.syncDirectory(path),
    diskSpace: (path) => inner.diskSpace(path),
    lock: (path) => inner.lock(path),
  };
  return {
    ...fileSystem,
    hold: () => {
      gate = new Promise((resolve) => (open = resolve));
    },
    letGo: () => {
      gate = undefined;
      open();
    },
    get held() {
      return held;
    },
  };
}

/** A disk that says of the log that it has synced and has not: for showing that a check would notice. */
export function lyingAboutSyncs(inner: FileSystem): FileSystem {
  return {
    open: async (path, mode) => {
      const handle = await inner.open(path, mode);
      return path.includes('/commitlog/') ? Object.assign(handle, { datasync: () => Promise.resolve() }) : handle;
    },
    list: (path) => inner.list(path),
    exists: (path) => inner.exists(path),
    makeDirectory: (path) => inner.makeDirectory(path),
    rename: (from, to) => inner.rename(from, to),
    remove: (path) => inner.remove(path),
    removeDirectory: (path) => inner.removeDirectory(path),
    syncDirectory: (path) => inner.syncDirectory(path),
    diskSpace: (path) => inner.diskSpace(path),
    lock: (path) => inner.lock(path),
  };
}

export { VirtualClock };
