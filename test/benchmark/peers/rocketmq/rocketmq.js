// Apache RocketMQ with its own Java benchmark client.
import { fileURLToPath } from 'node:url';
import { classPath, javaVersion, missingArtifacts } from '../support/maven.js';
import { ApacheBenchmark, LEAST_WARM_UP_SECONDS } from './benchmark.js';
import { ApacheBroker } from './broker.js';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const TOPIC = 'Bench';
const LATENCY_TOPIC = 'BenchLatency';
const GROUP = 'bench_consumers';
const QUEUES = 4;
/** What a first backlog is made for; it is measured afterwards. */
const EXPECTED_PER_SECOND = 80_000;
/** Before the windows of a receiver: its start, while it takes messages already, and the least that it warms up. */
const BEGINNING_SECONDS = 8;
const ATTEMPTS = 3;
const SENT = { rate: /\bSend TPS: (\d+)/, failures: /Send Failed: (\d+)/ };
const RECEIVED = { rate: /\bConsume TPS: (\d+)/, failures: /Consume Fail: (\d+)/ };

export class RocketMQ {
  receivedPerSecond = EXPECTED_PER_SECOND;

  constructor(broker, benchmark, flushDiskType) {
    this.broker = broker;
    this.benchmark = benchmark;
    this.durability = flushDiskType === 'SYNC_FLUSH' ? 'sync' : 'async';
    const jar = (name) => new RegExp(`${name}-([\\d.]+)\\.jar`).exec(broker.classPath)?.[1];
    this.facts = {
      server: `Apache RocketMQ ${jar('rocketmq-broker')}, one NameServer, one master, Java ${javaVersion()}, heap 2 GiB, G1`,
      client: `org.apache.rocketmq.example.benchmark of rocketmq-example ${jar('rocketmq-example')} over rocketmq-client ${jar('rocketmq-client')}, heap 1 GiB`,
      configuration: `${broker.configuration}; otherwise as shipped`,
      queues: `one topic of ${QUEUES} queues`,
      sending:
        'Producer: one thread for each message in flight, each of which sends and waits; counted at the broker, window by window',
      receiving:
        'Consumer: a push consumer with 20 threads, its default, over a backlog; counted at the broker, window by window',
      latency: 'a program of ours over the same client: asynchronous sends, a push consumer as shipped, one process',
    };
  }

  pids() {
    return this.broker.pids();
  }

  async send(spec) {
    const args = ['-w', String(spec.inFlight), '-s', String(spec.bytes)];
    return this.benchmark.measure('Producer', args, { ...SENT, count: () => this.broker.stored() }, spec);
  }

  /** A backlog that was worked off before the time was over says too little: then once more with a larger one. */
  async receive(spec) {
    const seconds = spec.seconds * (spec.windows ?? 1) + Math.max(BEGINNING_SECONDS, spec.warmUpSeconds + 3);
    const counted = { ...RECEIVED, count: () => this.broker.delivered() };
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const wanted = Math.ceil(this.receivedPerSecond * seconds);
      if ((await this.broker.stored()) < wanted) await this.benchmark.fill(spec.bytes, wanted);
      await this.broker.begin(wanted);
      const measured = await this.benchmark.measure('Consumer', ['-g', GROUP, '-p', 'false'], counted, spec);
      const perSecond = Math.max(...measured.map((window) => window.perSecond));
      if ((await this.broker.waiting()) > perSecond / 10) {
        this.receivedPerSecond = perSecond * 1.1;
        return measured;
      }
      this.receivedPerSecond *= 2;
    }
    throw new Error(`the backlog was worked off too early ${ATTEMPTS} times`);
  }

  async latency(spec) {
    return this.benchmark.latency(LATENCY_TOPIC, { ratePerSecond: 1000, ...spec });
  }

  async close() {
    await this.broker.stop();
  }
}

/** @param flushDiskType `SYNC_FLUSH` answers when the message is on the disk, `ASYNC_FLUSH`, its default, before */
export function rocketmq(name, flushDiskType) {
  return {
    name,
    /** What it takes beside its windows: two Java programs for the servers, one for each row. */
    seconds: { open: 7, row: 3, least: LEAST_WARM_UP_SECONDS, backlog: 1 },
    missing: () => missingArtifacts(FOLDER, 'Apache RocketMQ'),
    async open(directory) {
      const broker = await ApacheBroker.start(classPath(FOLDER), directory, flushDiskType);
      try {
        await broker.createTopic(LATENCY_TOPIC, QUEUES);
        await broker.prepare(TOPIC, QUEUES, GROUP);
        return new RocketMQ(broker, new ApacheBenchmark(broker), flushDiskType);
      } catch (error) {
        await broker.stop();
        throw error;
      }
    },
  };
}
