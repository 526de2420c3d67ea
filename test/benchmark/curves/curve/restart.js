// How long a broker takes until it serves again, by the size of its log: after an end in order, and after one without a word
// in the middle of sends.
import { load } from '../stand.js';
import { summarize } from '../../statistics.js';

const BODY = Buffer.alloc(1024, 'x');
const BATCH = 100;
/** A checkpoint is written every 256 MiB, or five seconds. */
const NEAR_CHECKPOINT = 200 * 1024 ** 2;
const RECORD_BYTES = 1280;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export const restart = {
  name: 'restart',
  title: 'Restart by size of the log (1 KiB bodies)',
  axis: 'bytes of the log',
  sizes: { quick: [64 * MIB, 256 * MIB], middle: [512 * MIB, 4 * GIB], full: [512 * MIB, 4 * GIB, 16 * GIB] },
  bytesNeeded: (sizes) => sizes.at(-1) * 1.2 + GIB,
  duration: (sizes) => sizes.at(-1) / (150 * MIB) + sizes.length * 40,
  figures: {
    cleanMillis: { title: 'start after an end in order', unit: 'ms', rule: { kind: 'whole', noise: 1.5, floor: 200 } },
    crashMillis: { title: 'start after a crash', unit: 'ms', rule: { kind: 'whole', noise: 1.5, floor: 200 } },
    crashMost: { title: 'start after a crash, most', unit: 'ms', rule: { kind: 'most', limit: 10_000 } },
    stopMillis: { title: 'end in order', unit: 'ms', rule: { kind: 'whole', noise: 1.5, floor: 200 } },
  },
  async *points(sizes, bench) {
    const stand = await bench.stand({ topics: [{ name: 'restart', queues: 4 }] });
    let written = 0;
    for (const size of sizes) {
      const count = Math.max(1, Math.ceil((size - written) / RECORD_BYTES / BATCH));
      const { producer } = await stand.client('curve');
      const batch = Array.from({ length: BATCH }, () => ({ topic: 'restart', body: BODY }));
      await load(() => producer.sendBatch(batch), { inFlight: 12, count });
      const clean = [];
      const stops = [];
      for (let run = 0; run < bench.slices; run++) {
        stops.push(await stand.stop());
        clean.push((await stand.start()).startMillis);
      }
      const crashed = [];
      for (let run = 0; run < bench.slices; run++) crashed.push(await crash(stand, bench));
      written = (await stand.facts()).store.visibleOffset;
      const crashMillis = summarize(crashed.map(({ startMillis }) => startMillis));
      yield {
        size: Math.max(size, written),
        values: {
          cleanMillis: summarize(clean),
          stopMillis: summarize(stops),
          crashMillis,
          crashMost: crashMillis.max,
          replayedMiB: summarize(crashed.map(({ behind }) => behind / MIB)),
        },
      };
    }
  },
};

/** Kills the broker in the middle of batches, once a restart has to read again so much that a checkpoint is near. */
async function crash(stand, bench) {
  const { producer } = await stand.client('crash', { sendTimeoutMillis: 1000, sendRetries: 0 });
  const batch = Array.from({ length: BATCH }, () => ({ topic: 'restart', body: BODY }));
  let ended = false;
  const send = async () => {
    if (!ended) await producer.sendBatch(batch).catch(() => (ended = true));
  };
  const sending = load(send, { inFlight: 8, seconds: bench.seconds * 5 });
  let behind = 0;
  const end = performance.now() + bench.seconds * 4000;
  while (behind < NEAR_CHECKPOINT && performance.now() < end) {
    const { store } = await stand.facts();
    behind = store.visibleOffset - store.checkpointOffset;
  }
  await stand.kill();
  ended = true;
  await sending;
  await stand.dismiss(500);
  return { ...(await stand.start()), behind };
}
