// Puts into the store and reads from it, in process. Usage: node test/benchmark/store.js [messages] [bodyBytes] [inFlight] [sync|async] [directory]
// Over the compiled build: dist/ by default, NESTMQ_BUILD names another folder that holds platform/ and store/.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const build = pathToFileURL(`${resolve(process.env.NESTMQ_BUILD ?? 'dist')}/`);
const { systemPlatform, silentLogger } = await import(new URL('platform/index.js', build).href);
const { MessageStore } = await import(new URL('store/index.js', build).href);

const [messages = 500_000, bodyBytes = 1024, inFlight = 1000] = process.argv.slice(2, 5).map(Number);
const flush = process.argv[5] ?? 'sync';
const parent = process.argv[6] ?? tmpdir();
const QUEUES = 4;

const path = await mkdtemp(join(parent, 'nestmq-store-'));
const platform = systemPlatform({ logger: silentLogger });
const store = await MessageStore.open({ path, storeHost: '127.0.0.1:10911', flush }, platform);
await store.createTopic('bench', { readQueueNums: QUEUES, writeQueueNums: QUEUES });
const body = Buffer.alloc(bodyBytes, 'x');

function message(index) {
  return {
    topic: 'bench',
    queueId: index % QUEUES,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1_700_000_000_000 + index,
    bornHost: '127.0.0.1:50000',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    properties: `UNIQ_KEY\x017F0000010001${(0x100000000 + index).toString(16)}\x02TAGS\x01created\x02`,
    body,
  };
}

function produce(count) {
  return new Promise((done, failed) => {
    let sent = 0;
    let answered = 0;
    const latencies = [];
    const next = () => {
      const index = sent++;
      const sample = index % 64 === 0 ? performance.now() : 0;
      store.put(message(index), (error) => {
        if (error !== undefined) return failed(error);
        if (sample !== 0) latencies.push(performance.now() - sample);
        if (++answered === count) done(latencies.sort((a, b) => a - b));
        else if (sent < count) next();
      });
    };
    for (let index = 0; index < Math.min(inFlight, count); index++) next();
  });
}

async function consume(from) {
  let count = 0;
  let bytes = 0;
  for (let queueId = 0; queueId < QUEUES; queueId++) {
    let offset = from[queueId];
    for (;;) {
      let result = store.read({ topic: 'bench', queueId, offset, maxMessages: 32, maxBytes: 256 * 1024 });
      if (result instanceof Promise) result = await result;
      if (result.messageCount === 0) break;
      count += result.messageCount;
      for (const chunk of result.chunks) bytes += chunk.length;
      offset = result.nextBeginOffset;
    }
  }
  return { count, bytes };
}

async function timed(label, work) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  return { label, seconds, cpuSeconds: (used.user + used.system) / 1e6, result };
}

function report({ label, seconds, cpuSeconds }, count, extra = '') {
  const rate = Math.round(count / seconds / 1000);
  console.log(
    `${label.padEnd(22)} ${String(rate).padStart(6)} k/s  ${((cpuSeconds / count) * 1e6).toFixed(2)} us CPU/msg ${extra}`,
  );
}

await produce(Math.min(50_000, messages));
const produced = await timed(`put ${flush}`, () => produce(messages));
const latencies = produced.result;
const at = (share) => latencies[Math.floor(latencies.length * share)].toFixed(2);
const health = store.health();
report(
  produced,
  messages,
  `p50 ${at(0.5)} ms p99 ${at(0.99)} ms; ${health.segments} segments, ${health.createdSegments} new`,
);

// What fits in the tail for certain: the newest 100,000 messages, and at most half of it.
const newest = Math.min(messages, Math.floor((48 * 1024 * 1024) / (bodyBytes + 250)), 100_000);
const tailFrom = Array.from(
  { length: QUEUES },
  (_, queueId) => store.maxOffset('bench', queueId) - Math.floor(newest / QUEUES),
);
await consume(tailFrom);
const tail = await timed('read tail', () => consume(tailFrom));
report(tail, tail.result.count);
const cold = await timed('read all', () => consume(Array.from({ length: QUEUES }, () => 0)));
report(cold, cold.result.count);
console.log(`rss ${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MiB`);

const closing = await timed('close', () => store.close());
const opening = await timed('open', () => MessageStore.open({ path, storeHost: '127.0.0.1:10911', flush }, platform));
console.log(`close ${Math.round(closing.seconds * 1000)} ms, open ${Math.round(opening.seconds * 1000)} ms`);
await opening.result.close();
await rm(path, { recursive: true });
