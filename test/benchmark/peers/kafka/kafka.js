// Apache Kafka with its own performance tools.
import { KafkaBroker, missingKafka } from './broker.js';
import { KafkaTools, window } from './tools.js';

const TOPIC = 'bench';
/** Filled without syncs: what is received does not depend on how it was sent. */
const BACKLOG_TOPIC = 'bench-backlog';
const BACKLOG = 6_000_000;
const QUEUES = 4;

class Kafka {
  filled = 0;
  groups = 0;

  constructor(broker, synced) {
    this.broker = broker;
    this.tools = new KafkaTools(broker);
    this.durability = synced ? 'sync' : 'async';
    const { server, configuration } = broker.facts(synced);
    this.facts = {
      server,
      client: `ProducerPerformance and ConsumerPerformance of kafka-tools ${broker.version}`,
      configuration,
      queues: `one topic of ${QUEUES} partitions, one replica`,
      sending: `acks=all, idempotent, batches as shipped; the memory of the producer holds as many as are in flight (1000 of 1 KiB: ${window(1024, 1000).join(', ')})`,
      receiving: 'one consumer of a new group over a backlog; offsets committed every five seconds, as shipped',
    };
  }

  pids() {
    return this.broker.pids();
  }

  async send(spec) {
    return this.tools.send(TOPIC, spec);
  }

  async receive(spec) {
    if (this.filled < BACKLOG) {
      await this.tools.fill(BACKLOG_TOPIC, spec.bytes, BACKLOG - this.filled);
      this.filled = BACKLOG;
    }
    return this.tools.receive(BACKLOG_TOPIC, `bench-consumers-${++this.groups}`, this.filled, spec);
  }

  async close() {
    await this.broker.stop();
  }
}

/** @param synced `flush.messages=1`; without it nothing is synced before the answer */
export function kafka(name, synced) {
  return {
    name,
    missing: missingKafka,
    async open(directory) {
      const broker = await KafkaBroker.start(directory, QUEUES);
      try {
        if (synced) await broker.createTopic(TOPIC, QUEUES, { 'flush.messages': 1 });
        return new Kafka(broker, synced);
      } catch (error) {
        await broker.stop();
        throw error;
      }
    },
  };
}
