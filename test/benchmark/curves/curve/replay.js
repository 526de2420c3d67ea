// A group that slowly goes through all that is old, beside one that lives at the tail: the live one keeps its rate.
import { costs, load, until } from '../stand.js';
import { summarize } from '../../statistics.js';

const BODY = Buffer.alloc(1024, 'x');
const BATCH = 100;
/** What the slow group does with each message takes a while, as a call to somebody else would. */
const HANDLING_MILLIS = 5;
const HANDLERS = 16;
/** Each of two runs, whichever comes first in turn. The median of fewer follows the machine: single pairs give 0.7 to 1.1. */
const PAIRS = 9;

export const replay = {
  name: 'replay',
  title: 'A slow replaying group beside a live one (1 KiB)',
  axis: 'messages in the backlog',
  sizes: { quick: [50_000], middle: [500_000], full: [500_000, 5_000_000] },
  bytesNeeded: (sizes) => sizes.at(-1) * 1400 + 8 * 1024 ** 3,
  duration: (sizes) => sizes.at(-1) / 60_000 + sizes.length * 100,
  figures: {
    kept: { title: 'rate that the live group keeps', unit: 'of its rate alone', rule: { kind: 'least', limit: 0.9 } },
    peakMiB: { title: 'resident memory, most', unit: 'MiB', rule: { kind: 'most', limit: 512 } },
  },
  async *points(sizes, bench) {
    for (const size of sizes) {
      const stand = await bench.stand({ topics: [{ name: 'replay', queues: 4 }] });
      const old = await stand.client('old');
      const slow = consume(old, 'slow', HANDLERS, () => new Promise((resolve) => setTimeout(resolve, HANDLING_MILLIS)));
      await slow.consumer.register();
      const client = await stand.client('live');
      const batch = Array.from({ length: BATCH }, () => ({ topic: 'replay', body: BODY }));
      await load(() => client.producer.sendBatch(batch), { inFlight: 8, count: size / BATCH });
      const live = consume(client, 'live', 64, () => undefined);
      await live.consumer.register();
      await live.consumer.start();
      await slow.consumer.start();
      const message = { topic: 'replay', body: BODY };
      const run = () =>
        costs(stand, async () => {
          const before = live.count();
          const sent = await load(() => client.producer.send(message), { inFlight: 256, seconds: bench.seconds });
          await until(
            () => live.count() - before >= sent.count,
            `the live group, ${live.count() - before} of ${sent.count}`,
          );
          return { count: live.count() - before };
        });
      const runAlone = async () => {
        slow.consumer.pause();
        await slow.still();
        return (await run()).micros;
      };
      const runBeside = async () => {
        slow.consumer.resume();
        const before = slow.count();
        await until(() => slow.count() > before, 'the slow group to go on');
        const began = slow.count();
        const at = performance.now();
        const { micros } = await run();
        replayed.push((slow.count() - began) / ((performance.now() - at) / 1000));
        return micros;
      };
      const alone = [];
      const beside = [];
      const kept = [];
      const replayed = [];
      // Both ways once: what is compiled and read ahead the first time is in neither.
      await runAlone();
      await runBeside();
      // In turn, so that a machine that gets slower is slower for both, and either first as often as the other: what a run
      // leaves to be done, a checkpoint or a segment, falls into the one behind it.
      for (let pair = 0; pair < PAIRS; pair++) {
        const first = pair % 2 === 0 ? runAlone : runBeside;
        const second = pair % 2 === 0 ? runBeside : runAlone;
        const [one, other] = [await first(), await second()];
        const [micros, besideMicros] = pair % 2 === 0 ? [one, other] : [other, one];
        alone.push(micros);
        beside.push(besideMicros);
        kept.push(micros / besideMicros);
      }
      replayed.shift();
      const { peak } = await stand.facts();
      yield {
        size,
        values: {
          kept: summarize(kept),
          aloneMicros: summarize(alone),
          besideMicros: summarize(beside),
          replayedPerSecond: summarize(replayed),
          peakMiB: peak / 1024 ** 2,
        },
      };
      await stand.dismiss(1000);
      await stand.close();
    }
  },
};

function consume(client, group, concurrency, work) {
  let count = 0;
  let running = 0;
  const consumer = client.consumer({ group, mode: 'CONCURRENT', from: 'latest' });
  const handle = async () => {
    running++;
    await work();
    running--;
    count++;
  };
  consumer.add({
    name: group,
    topic: 'replay',
    concurrency,
    handle: work() === undefined ? () => void count++ : handle,
  });
  return { consumer, count: () => count, still: () => until(() => running === 0, 'handlers that end') };
}
