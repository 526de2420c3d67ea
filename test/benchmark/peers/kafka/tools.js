// Kafka's own performance tools and what they print each second.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProcessorSamples } from '../support/processor-samples.js';

/** Java compiles what is used often while it runs; each measurement is a program of its own. */
const LEAST_WARM_UP_SECONDS = 5;
const ENDLESS = 2_000_000_000;
/** At most around the body: length, attributes, the differences of time and offset, key, headers. */
const RECORD_OVERHEAD = 32;
const BATCH_OVERHEAD = 61;
/** As shipped. */
const BATCH_BYTES = 16_384;

export class KafkaTools {
  constructor(broker) {
    this.broker = broker;
  }

  /** @returns Measured */
  async send(topic, { bytes, inFlight, warmUpSeconds, ...plan }) {
    const props = window(bytes, inFlight);
    const client = await this.producer(topic, bytes, ENDLESS, props);
    const counted = new Counted(client, this.broker);
    client.listeners.add((line) => {
      const found = /^(\d+) records sent, /.exec(line);
      if (found !== null) counted.add(Number(found[1]));
    });
    return counted.measure({ ...plan, warmUpSeconds: Math.max(LEAST_WARM_UP_SECONDS, warmUpSeconds) });
  }

  /** Works off what the topic holds; a group that is new begins with the first message. @returns Measured */
  async receive(topic, group, backlog, plan) {
    const place = ['--bootstrap-server', this.broker.address, '--topic', topic, '--group', group];
    const shape = ['--num-records', String(backlog), '--show-detailed-stats', '--hide-header'];
    const client = this.broker.java('org.apache.kafka.tools.ConsumerPerformance', [
      ...[...place, ...shape, '--reporting-interval', '200', '--timeout', '30000'],
    ]);
    const counted = new Counted(client, this.broker);
    client.listeners.add((line) => {
      // time, thread, MB, MB a second, messages so far, messages a second, and more
      const found = /^[^,]+, \d+, [\d.]+, [\d.]+, (\d+), /.exec(line);
      if (found !== null) counted.reach(Number(found[1]));
    });
    return counted.measure(plan, backlog);
  }

  /** Stores so many, as fast as the producer can as shipped; it is not measured. */
  async fill(topic, bytes, count) {
    const client = await this.producer(topic, bytes, count, []);
    try {
      await client
        .until(() => client.over, 'it had sent', 180_000)
        .catch((error) => {
          if (!client.over) throw error;
        });
      const code = await client.ended;
      if (code !== 0) throw new Error(`ProducerPerformance ended with ${code}:\n${client.output.slice(-2_000)}`);
    } finally {
      await client.stop();
    }
  }

  async producer(topic, bytes, count, props) {
    // Making up each body at random would take the producer longer than sending it.
    const payload = join(this.broker.directory, `payload-${bytes}`);
    await writeFile(payload, 'x'.repeat(bytes));
    const shape = ['--topic', topic, '--num-records', String(count), '--throughput', '-1', '--payload-file', payload];
    const own = [`bootstrap.servers=${this.broker.address}`, 'acks=all', ...props];
    const args = [...shape, '--reporting-interval', '1000', '--command-property', ...own];
    return this.broker.java('org.apache.kafka.tools.ProducerPerformance', args);
  }
}

/** Settings of a producer that keep about so many messages unacknowledged: it has no limit but that of its memory. */
export function window(bytes, inFlight) {
  const record = bytes + RECORD_OVERHEAD;
  if (inFlight === 1) return ['batch.size=0', 'linger.ms=0', `buffer.memory=${record + BATCH_OVERHEAD}`];
  const aBatch = Math.max(1, Math.floor((BATCH_BYTES - BATCH_OVERHEAD) / record));
  const memory = Math.ceil(inFlight / aBatch) * Math.max(BATCH_BYTES, record + BATCH_OVERHEAD);
  return [`buffer.memory=${memory}`];
}

/** What a tool counts while it runs, with the processor time that it and the broker take meanwhile. */
class Counted {
  count = 0;
  moments = [];

  constructor(client, broker) {
    this.client = client;
    this.samples = new ProcessorSamples({ client: () => client.pids(), server: () => broker.pids() });
  }

  add(count) {
    this.reach(this.count + count);
  }

  reach(count) {
    this.count = count;
    this.moments.push({ at: performance.now(), count });
  }

  /**
   * Windows back to back, from the first report after the warm-up (a fifth of the backlog, where there is one), each to the first
   * report after its time.
   */
  async measure({ warmUpSeconds, seconds, windows = 1 }, backlog) {
    try {
      const what = 'it had counted for long enough';
      const ends = [];
      const find = () => {
        const warm = this.moments[0]?.at + warmUpSeconds * 1000;
        const isNext = ({ at, count }) =>
          ends.length === 0 ? at >= warm || count >= backlog * 0.2 : at >= ends.at(-1).at + seconds * 1000;
        for (let next = this.moments.find(isNext); next !== undefined; next = this.moments.find(isNext)) {
          ends.push(next);
          if (ends.length > windows) break;
        }
        return ends.length > windows;
      };
      await this.client.until(find, what, (warmUpSeconds + seconds * windows + 60) * 1000).catch((error) => {
        // It has worked off all.
        if (!this.client.over || ends.length === 0 || this.moments.at(-1) === ends[0]) throw error;
        if (ends.length === 1) ends.push(this.moments.at(-1));
      });
      return ends.slice(1, windows + 1).map((end, index) => this.between(ends[index], end));
    } finally {
      this.samples.stop();
      await this.client.stop();
    }
  }

  between(first, last) {
    const [count, span] = [last.count - first.count, last.at - first.at];
    const used = this.samples.between(first.at, last.at, count);
    const perSecond = (count / span) * 1000;
    return { perSecond, count, seconds: span / 1000, clientMicros: used.client, serverMicros: used.server };
  }
}
