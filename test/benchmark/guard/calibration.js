// The yardstick of a round: work of the kind that a message costs, which no change of the engine changes. A machine that is
// slow at the moment, or whose other core is busy, is slow at this as well.
import { crc32 } from 'node:zlib';

const BODY = Buffer.alloc(1024, 'x');
const SLAB_BYTES = 262_144;
const IN_FLIGHT = 1000;

let slab = Buffer.alloc(SLAB_BYTES);
let filled = 0;
const waiting = new Map();
const released = [];

function encode(index) {
  if (filled + 1200 > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    filled = 0;
  }
  const at = filled;
  slab.writeInt32BE(1200, at);
  slab.writeInt32BE(index, at + 4);
  slab.writeDoubleBE(index, at + 8);
  slab.write(`UNIQ_KEY\x01${index.toString(16)}\x02TAGS\x01created\x02`, at + 16, 'latin1');
  BODY.copy(slab, at + 64);
  filled = at + 1200;
  return slab.subarray(at, filled);
}

/** Waits as a send does: one entry and one promise, released a hundred at a time. */
function answered(index) {
  return new Promise((resolve) => {
    waiting.set(index, resolve);
    released.push(index);
    if (released.length < 100) return;
    const batch = released.splice(0);
    setImmediate(() => {
      for (const id of batch) {
        waiting.get(id)?.({ id, at: index });
        waiting.delete(id);
      }
    });
  });
}

/** Does the work of `count` messages (a multiple of 100,000 / IN_FLIGHT). */
export async function calibrate(count) {
  let begun = 0;
  let sum = 0;
  const oneAfterAnother = async () => {
    while (begun < count) {
      const index = begun++;
      sum ^= crc32(encode(index));
      const { id } = await answered(index);
      sum ^= id;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, oneAfterAnother));
  return sum;
}
