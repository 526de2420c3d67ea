// Engines that have become worse, each in one way: what the guard must notice, and by which figure of which path. They are made
// while the engine runs, at its borders, so that they stay what they are when the engine is built differently.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

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
    apply() {
      const { fdatasync } = fs;
      fs.fdatasync = (fd, done) => {
        const again = (left) => (error) => (error || left === 0 ? done(error) : fdatasync(fd, again(left - 1)));
        again(8)(null);
      };
      syncBuiltinESMExports();
    },
  },
  'everything written to the disk three times': {
    paths: ['send embedded'],
    noticedBy: ['send embedded', 'fileBytes'],
    apply() {
      const { write } = fs;
      fs.write = (fd, bytes, from, length, position, done) => {
        const again = (left) => (error, count) =>
          error || left === 0 ? done(error, count) : write(fd, bytes, from, count, position, again(left - 1));
        again(3)(null, length);
      };
      syncBuiltinESMExports();
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
