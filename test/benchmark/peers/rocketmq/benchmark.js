// Apache's own benchmark programs, `org.apache.rocketmq.example.benchmark`, and what they print.
import { fileURLToPath } from 'node:url';
import { OwnProcess } from '../support/own-process.js';
import { ProcessorSamples } from '../support/processor-samples.js';

/** They keep ten snapshots, one a second, and print the mean between the first and the last from the tenth on. */
const REPORT_SECONDS = 9;
const FIRST_REPORT_SECONDS = 10;
/** Java compiles what is used often while it runs; each measurement is a program of its own. */
const LEAST_WARM_UP_SECONDS = 5;
/** Of what was measured; what fails while all threads begin at once is not. */
const MOST_FAILED = 0.01;
const LATENCY = fileURLToPath(new URL('Latency.java', import.meta.url));
const MEMORY = ['-server', '-Xms1g', '-Xmx1g'];

/**
 * So many reports whose times lie one after the other, undefined while there are not as many yet.
 * @param firstEnds the moment that the first may not be before
 */
export function chooseReports(reports, firstEnds, wanted) {
  const chosen = [];
  while (chosen.length < wanted) {
    // A timer of theirs may be early.
    const end = chosen.length === 0 ? firstEnds : chosen.at(-1).at + (REPORT_SECONDS - 0.5) * 1000;
    const report = reports.find(({ at }) => at >= end);
    if (report === undefined) return undefined;
    chosen.push(report);
  }
  return chosen;
}

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
   * @param rate which finds the messages a second in a line of the program, as its first group
   * @param failures which finds how many failed in such a line
   * @returns Measured: the mean of as many reports as fill the time, each of nine seconds
   */
  async measure(program, args, { rate, failures }, { seconds, warmUpSeconds }) {
    const client = this.start(program, args);
    const samples = new ProcessorSamples({ client: () => client.pids(), server: () => this.broker.pids() });
    try {
      const started = performance.now();
      const reports = [];
      client.listeners.add((line) => {
        const found = rate.exec(line);
        if (found === null) return;
        const failed = Number(failures.exec(line)?.[1] ?? 0);
        reports.push({ at: performance.now(), perSecond: Number(found[1]), failed });
      });
      const wanted = Math.max(1, Math.round(seconds / REPORT_SECONDS));
      const warmUp = Math.max(LEAST_WARM_UP_SECONDS, warmUpSeconds);
      const firstEnds = started + (warmUp + REPORT_SECONDS) * 1000;
      let chosen;
      const next = () => {
        chosen = chooseReports(reports, firstEnds, wanted);
        return chosen !== undefined;
      };
      await client.until(next, 'it had reported', (FIRST_REPORT_SECONDS + warmUp + seconds + 30) * 1000);
      const perSecond = chosen.reduce((sum, report) => sum + report.perSecond, 0) / chosen.length;
      const measured = chosen.length * REPORT_SECONDS;
      const count = Math.round(perSecond * measured);
      // The numbers of failures are those since the start.
      const failed = chosen.at(-1).failed - reports[0].failed;
      if (failed > count * MOST_FAILED)
        throw new Error(`${program}: ${failed} failed beside ${count}:\n${client.output.slice(-2_000)}`);
      const used = samples.between(chosen[0].at - REPORT_SECONDS * 1000, chosen.at(-1).at, count);
      return { perSecond, count, seconds: measured, clientMicros: used.client, serverMicros: used.server };
    } finally {
      samples.stop();
      await client.stop();
    }
  }

  /** By a program of ours, which Java compiles when it starts. @returns Latency */
  async latency(topic, { bytes, ratePerSecond, warmUpSeconds, seconds }) {
    const given = [this.broker.nameServer, topic, bytes, ratePerSecond, Math.max(LEAST_WARM_UP_SECONDS, warmUpSeconds)];
    const client = this.java(LATENCY, [...given, seconds].map(String));
    try {
      const patience = (LEAST_WARM_UP_SECONDS + warmUpSeconds + seconds + 60) * 1000;
      await client.until(() => /^(LATENCY|FAILED) .*\n/m.test(client.output), 'it had measured', patience);
      const found = /^LATENCY ([\d.E-]+) ([\d.E-]+) ([\d.E-]+) (\d+)/m.exec(client.output);
      if (found === null) throw new Error(client.output.slice(-2_000));
      const [p50, p99, max, count] = found.slice(1).map(Number);
      return { p50, p99, max, count };
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
