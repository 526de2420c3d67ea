// Engines that have become worse, each in one way: what the guard must notice, and by which figure of which path. They are made
// while the engine runs, at its borders, so that they stay what they are when the engine is built differently.

const RECEIVING = ['send embedded', 'receive embedded'];

/** Packs carry many of them. */
const A_MESSAGE = 1024;

/** Written to in `perMessage`, so that no compiler takes the work away. */
const kept = { sum: 0, object: undefined };

function microseconds(count) {
  const until = performance.now() + count / 1000;
  while (performance.now() < until) kept.sum += 1;
}

export const BROKEN = {
  'a write to the socket for each message': {
    paths: ['send over TCP'],
    noticedBy: ['send over TCP', 'socketWrites'],
    async apply(build) {
      const { Outbox } = await import(new URL('remoting/outbox.js', build).href);
      mustHave(Outbox.prototype, 'add');
      Outbox.prototype.add = function writeAtOnce(head, body) {
        const frame = Buffer.concat(body === undefined ? [head] : [head, body]);
        for (let from = 0; from < frame.length; from += A_MESSAGE)
          this.socket.write(frame.subarray(from, from + A_MESSAGE));
      };
    },
  },
  'sends that travel one by one to a broker that takes packs': {
    paths: ['send embedded', 'send over TCP'],
    noticedBy: ['send over TCP', 'heapBytes'],
    async apply(build) {
      const { PackGatherer } = await import(new URL('client/producer/pack-gatherer.js', build).href);
      mustHave(PackGatherer.prototype, 'takesPacks');
      PackGatherer.prototype.takesPacks = () => false;
    },
  },
  'eight syncs where one is enough': {
    paths: ['send embedded'],
    noticedBy: ['send embedded', 'syncs'],
    async apply(build) {
      const { NodeFileHandle } = await import(new URL('platform/node-file-handle.js', build).href);
      mustHave(NodeFileHandle.prototype, 'writeSynced');
      const { writeSynced } = NodeFileHandle.prototype;
      NodeFileHandle.prototype.writeSynced = async function syncedAgain(...args) {
        await writeSynced.apply(this, args);
        for (let left = 7; left > 0; left--) await this.datasync();
      };
    },
  },
  'everything written to the disk three times': {
    paths: ['send embedded'],
    noticedBy: ['send embedded', 'fileBytes'],
    async apply(build) {
      const { NodeFileHandle } = await import(new URL('platform/node-file-handle.js', build).href);
      mustHave(NodeFileHandle.prototype, 'write');
      mustHave(NodeFileHandle.prototype, 'writeSynced');
      const { write, writeSynced } = NodeFileHandle.prototype;
      for (const [name, original] of Object.entries({ write, writeSynced }))
        NodeFileHandle.prototype[name] = async function writtenAgain(...args) {
          for (let time = 0; time < 3; time++) await original.apply(this, args);
        };
    },
  },
  'three more microseconds for each message': {
    paths: RECEIVING,
    noticedBy: ['receive embedded', 'processor'],
    perMessage: () => microseconds(3),
  },
  'a kilobyte more of garbage for each message': {
    paths: RECEIVING,
    noticedBy: ['receive embedded', 'heapBytes'],
    perMessage: () => (kept.object = new Array(128).fill(kept.sum)),
  },
  'a promise more for each message': {
    paths: RECEIVING,
    noticedBy: ['receive embedded', 'promises'],
    perMessage: () => Promise.resolve(),
  },
  'a timer for each message': {
    paths: RECEIVING,
    noticedBy: ['receive embedded', 'timers'],
    perMessage: () => clearTimeout(setTimeout(microseconds, 1000, 0)),
  },
};

function mustHave(target, method) {
  if (typeof target[method] === 'function') return;
  throw new Error(`the broken engine has nothing to break: ${target.constructor.name} has no ${method} any more`);
}

/** Breaks the engine of this process; answers what is to be done for each message that is received. */
export async function breakEngine(name, build) {
  if (name === undefined) return () => undefined;
  const { apply, perMessage = () => undefined } = BROKEN[name];
  await apply?.(build);
  return perMessage;
}
