// Transactions that are open at the same time: what one more costs, a send beside them, and their end.
import { costs, load, until } from '../stand.js';

const BODY = Buffer.alloc(1024, 'x');
const GROUP = 'curve-transactions';

export const halves = {
  name: 'halves',
  title: 'Open transactions (1 KiB)',
  axis: 'half messages',
  sizes: { quick: [100, 1000], middle: [100, 1000, 10_000], full: [100, 1000, 10_000] },
  bytesNeeded: () => 2 * 1024 ** 3,
  duration: (sizes) => 30 * sizes.length,
  figures: {
    openMicros: { title: 'store a half message', unit: 'us each', rule: { kind: 'each', noise: 2, floor: 200 } },
    openBrokerMicros: {
      title: 'store a half message, processor of the broker',
      unit: 'us each',
      rule: { kind: 'each', noise: 1.5, floor: 60 },
    },
    sendBrokerMicros: {
      title: 'send beside them, processor of the broker',
      unit: 'us a message',
      rule: { kind: 'each', noise: 1.5 },
    },
    commitMicros: { title: 'commit', unit: 'us each', rule: { kind: 'each', noise: 2, floor: 200 } },
    commitBrokerMicros: {
      title: 'commit, processor of the broker',
      unit: 'us each',
      rule: { kind: 'each', noise: 1.5, floor: 60 },
    },
    checkMicros: { title: 'settled by a check', unit: 'us each', rule: { kind: 'each', noise: 2, floor: 1000 } },
    crashMillis: {
      title: 'start after a crash with all open',
      unit: 'ms',
      rule: { kind: 'whole', noise: 1.5, floor: 200 },
    },
    peakMiB: { title: 'resident memory, most', unit: 'MiB', rule: { kind: 'most', limit: 512 } },
  },
  async *points(sizes, bench) {
    for (const size of sizes) {
      // Long enough that nobody asks before it is wanted: checks begin after a restart with other settings.
      const topics = [
        { name: 'order', queues: 4 },
        { name: 'beside', queues: 4 },
      ];
      const stand = await bench.stand({ topics, transactions: { timeoutMillis: HOUR, checkIntervalMillis: HOUR } });
      const client = await stand.client('curve', { sendTimeoutMillis: 120_000 });
      const gate = new Gate();
      let asked = 0;
      const binding = { execute: () => gate.passed, check: () => (asked++, 'COMMIT') };
      await client.transactions.register(GROUP, binding);
      const message = { topic: 'order', body: BODY };
      const begin = () => client.transactions.send(GROUP, message, undefined);
      await warm(client, gate, begin);
      const openTransactions = async () => (await stand.facts()).broker.openTransactions;
      let ends = [];
      const openAll = async () => {
        ends = Array.from({ length: size }, begin);
        await until(async () => (await openTransactions()) >= size, `${size} half messages`);
        return { count: size };
      };
      const opened = await costs(stand, openAll);
      const beside = { topic: 'beside', body: BODY };
      const send = () =>
        load(() => client.producer.send(beside), { inFlight: 1000, seconds: bench.seconds * bench.slices });
      const sent = await costs(stand, send);
      const committed = await costs(stand, async () => {
        gate.open('COMMIT');
        await Promise.all(ends);
        await until(async () => (await openTransactions()) === 0, 'the last commit');
        return { count: size };
      });
      // The same number without an outcome: they outlive a crash, and are settled by checks.
      gate.close();
      ends = Array.from({ length: size }, begin);
      await until(async () => (await openTransactions()) >= size, `${size} half messages`);
      gate.open('UNKNOWN');
      await Promise.all(ends);
      await stand.kill();
      await stand.dismiss(500);
      stand.settings = { ...stand.settings, transactions: { timeoutMillis: 1, checkIntervalMillis: 1000 } };
      const crashMillis = (await stand.start()).startMillis;
      const checker = await stand.client('curve');
      const checked = await costs(stand, async () => {
        await checker.transactions.register(GROUP, binding);
        await until(async () => (await openTransactions()) === 0, 'the last check');
        return { count: size };
      });
      await stand.close();
      yield {
        size,
        values: {
          openMicros: opened.micros,
          openBrokerMicros: opened.brokerMicros,
          sendMicros: sent.micros,
          sendBrokerMicros: sent.brokerMicros,
          commitMicros: committed.micros,
          commitBrokerMicros: committed.brokerMicros,
          checkMicros: checked.micros,
          checkBrokerMicros: checked.brokerMicros,
          checks: asked,
          crashMillis,
          peakMiB: Math.max(opened.peakMiB, sent.peakMiB, committed.peakMiB, checked.peakMiB),
        },
      };
    }
  },
};

const HOUR = 3_600_000;

/** Local transactions wait here, so that all of them are open at the same time. */
class Gate {
  constructor() {
    this.close();
  }

  close() {
    this.passed = new Promise((resolve) => (this.open = resolve));
  }
}

async function warm(client, gate, begin) {
  gate.open('COMMIT');
  await load(begin, { inFlight: 50, count: 2000 });
  await load(() => client.producer.send({ topic: 'beside', body: BODY }), { inFlight: 1000, count: 50_000 });
  gate.close();
}
