// The process that gets killed: a broker on a real store and a real socket, nothing else.
//   node broker-process.js <store directory> <port> <sync|async> [forgetful]
// `forgetful` is the broken variant that the kill loop must catch: its disk says "written" and writes a little later.
import { BrokerHost } from '../../../dist/broker.js';
import { silentLogger, systemPlatform } from '../../../dist/platform/index.js';

const FORGETFUL_FOR_MS = 100;

/** A file whose writes stay in the process for a while although they were reported as done. */
function forgetfulHandle(handle) {
  const late = [];
  const settled = () => Promise.all(late);
  return {
    write: async (bytes, position) => {
      const copy = Buffer.from(bytes);
      late.push(
        new Promise((resolve) => setTimeout(resolve, FORGETFUL_FOR_MS)).then(() => handle.write(copy, position)),
      );
    },
    datasync: async () => undefined,
    read: async (target, position) => settled().then(() => handle.read(target, position)),
    size: async () => settled().then(() => handle.size()),
    truncate: async (size) => settled().then(() => handle.truncate(size)),
    close: async () => settled().then(() => handle.close()),
  };
}

function forgetful(fileSystem) {
  return new Proxy(fileSystem, {
    get(target, name) {
      if (name === 'open') {
        return async (path, mode) => {
          const handle = await target.open(path, mode);
          return path.includes('commitlog') && mode !== 'read' ? forgetfulHandle(handle) : handle;
        };
      }
      const member = target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

const [store, port, flush, variant] = process.argv.slice(2);
const platform = systemPlatform({ logger: silentLogger });
const host = await BrokerHost.start(
  { store, flush, segmentBytes: 16 * 1024 * 1024, listen: { host: '127.0.0.1', port: Number(port) } },
  variant === 'forgetful' ? { ...platform, fileSystem: forgetful(platform.fileSystem) } : platform,
);
process.send?.({ ready: host.address });
