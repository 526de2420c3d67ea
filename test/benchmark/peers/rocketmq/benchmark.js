// Apache's own benchmark programs, `org.apache.rocketmq.example.benchmark`, and what they print.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { busySeconds } from '../../rhythm.js';
import { OwnProcess } from '../support/own-process.js';
import { ProcessorSamples } from '../support/processor-samples.js';

/** Java compiles what is used often while it runs; each measurement is a program of its own. */
export const LEAST_WARM_UP_SECONDS = 5;
/** Of what was measured; what fails while all threads begin at once is not. */
const MOST_FAILED = 0.01;
const LATENCY = fileURLToPath(new URL('Latency.java', import.meta.url));
const MEMORY = ['-server', '-Xms1g', '-Xmx1g'];

export class ApacheBenchmark {
  constructor(broker) {
    this.broker = broker;
  }

  start(program, args) {
    const { nameServer, topic } = this.broker;
    const given = ['-n', nameServer, '-t', topic, '-ri', '1000', ...args];
    return this.java(`org.apache.rocketmq.example.benchmark.${program}`, given);
  }

  java(main, args) {
    const { classPath, directory } = this.broker;
    const places = [`-Duser.home=${directory}`, `-Drocketmq.client.logRoot=${directory}/client`];
    return new OwnProcess('java', [...MEMORY, ...places, '-cp', classPath, main, ...args], { cwd: directory });
  }

  /**
   * Windows back to back while the program runs, each counted at the broker: the program itself prints means of nine seconds alone.
   * @param count how many messages the broker has counted so far
   * @param rate which finds the messages a second in a line of the program, as its first group
   * @param failures which finds how many failed in such a line
   * @returns Measured of each window; `reportedPerSecond` is what the program says itself of the last nine seconds
   */
  async measure(program, args, { count, rate, failures }, { seconds, warmUpSeconds, windows = 1 }) {
    const client = this.start(program, args);
    const samples = new ProcessorSamples({ client: () => client.pids(), server: () => this.broker.pids() });
    const mark = async () => ({ count: await count(), at: performance.now() });
    const pass = async (millis) => {
      await Promise.race([sleep(millis), client.ended]);
      if (client.over) throw new Error(`${program} ended early:\n${client.output.slice(-2_000)}`);
    };
    try {
      const reports = [];
      client.listeners.add((line) => {
        const found = rate.exec(line);
        if (found !== null)
          reports.push({ perSecond: Number(found[1]), failed: Number(failures.exec(line)?.[1] ?? 0) });
      });
      const { count: before } = await mark();
      await client.until(async () => (await count()) > before, 'the broker had counted a message');
      await pass(1000 * Math.max(LEAST_WARM_UP_SECONDS, warmUpSeconds));
      const marks = [await mark()];
      while (marks.length <= windows) {
        await pass(marks.at(-1).at + seconds * 1000 - performance.now());
        marks.push(await mark());
      }
      await client.until(() => reports.length > 0, 'it had reported');
      const whole = marks.at(-1).count - marks[0].count;
      // The numbers of failures are those since the start.
      const failed = reports.at(-1).failed - reports[0].failed;
      if (failed > whole * MOST_FAILED)
        throw new Error(`${program}: ${failed} failed beside ${whole}:\n${client.output.slice(-2_000)}`);
      return marks.slice(1).map((end, index) => {
        const begin = marks[index];
        const counted = end.count - begin.count;
        const took = (end.at - begin.at) / 1000;
        const used = samples.between(begin.at, end.at, counted);
        const reportedPerSecond = reports.at(-1).perSecond;
        const costs = { clientMicros: used.client, serverMicros: used.server };
        return { perSecond: counted / took, count: counted, seconds: took, ...costs, reportedPerSecond };
      });
    } finally {
      samples.stop();
      await client.stop();
    }
  }

  /** By a program of ours, which Java compiles when it starts. @returns Latency of each window */
  async latency(topic, { bytes, ratePerSecond, warmUpPerSecond = ratePerSecond, warmUpSeconds, seconds, windows = 1 }) {
    const warmUp = Math.max(LEAST_WARM_UP_SECONDS, warmUpSeconds);
    const given = [this.broker.nameServer, topic, bytes, ratePerSecond, warmUpPerSecond, busySeconds(warmUp), warmUp];
    const client = this.java(LATENCY, [...given, seconds, windows].map(String));
    try {
      const patience = (warmUp + seconds * windows + 60) * 1000;
      await client.until(() => /^END$/m.test(client.output), 'it had measured', patience);
      const found = [...client.output.matchAll(/^LATENCY ([\d.E-]+) ([\d.E-]+) ([\d.E-]+) (\d+)/gm)];
      if (found.length !== windows) throw new Error(client.output.slice(-2_000));
      return found.map((line) => {
        const [p50, p99, max, count] = line.slice(1).map(Number);
        return { p50, p99, max, count };
      });
    } finally {
      await client.stop();
    }
  }

  /** Stores messages in batches until there are so many; it is not measured. */
  async fill(bytes, count) {
    const client = this.start('BatchProducer', ['-w', '4', '-b', '64', '-s', String(bytes)]);
    try {
      await client.until(async () => (await this.broker.stored()) >= count, `${count} messages were stored`, 180_000);
    } finally {
      await client.stop();
    }
  }
}
