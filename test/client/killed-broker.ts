import { type FileHandle, type FileSystem, silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { BrokerHost } from '../../lib/server/index.js';

/**
 * The broker that `killed-broker.spec.ts` kills. Arguments: the store, the port, and `forgetful` for the broken one, whose disk says
 * of the log that it is written, and writes it long after.
 */
const [store, port, variant] = process.argv.slice(2);
/** Longer than a round takes, however slow the machine. */
const LATE_MILLIS = 60_000;

const late = (work: () => Promise<void>): Promise<void> => {
  setTimeout(() => void work().catch(() => undefined), LATE_MILLIS);
  return Promise.resolve();
};

function forgetful(handle: FileHandle): FileHandle {
  return {
    write: (bytes, position) => {
      const copy = Buffer.from(bytes);
      return late(() => handle.write(copy, position));
    },
    read: (target, position) => handle.read(target, position),
    datasync: () => Promise.resolve(),
    truncate: (size) => late(() => handle.truncate(size)),
    size: () => handle.size(),
    close: () => late(() => handle.close()),
  };
}

const platform = systemPlatform({ logger: silentLogger });
const fileSystem = Object.create(platform.fileSystem) as FileSystem;
fileSystem.open = async (path, mode) => {
  const handle = await platform.fileSystem.open(path, mode);
  return path.includes('commitlog') && mode !== 'read' ? forgetful(handle) : handle;
};
await BrokerHost.start(
  {
    store: store!,
    segmentBytes: 8 * 1024 * 1024,
    listen: { host: '127.0.0.1', port: Number(port) },
    topics: [{ name: 'orders', queues: 1 }],
  },
  variant === 'forgetful' ? { ...platform, fileSystem } : platform,
);
process.send!('ready');
