// Apache Kafka as an application in Node uses it: a handler and an acknowledgement for each message.
import { ClientProcess } from '../support/client-process.js';
import { describeVersions, missingOf, missingPackages } from '../support/facts.js';
import { QueuePeer } from '../support/queue-peer.js';
import { KafkaBroker, missingKafka } from './broker.js';

const PACKAGE = '@platformatic/kafka';
const TOPIC = 'bench';
const QUEUES = 4;
/** The batches of the producer, in messages: as many as are in flight beside the other peers. */
const BATCH = 256;
/** What a first backlog is made for; it is measured afterwards. */
const EXPECTED_PER_SECOND = 200_000;

/** @param synced `flush.messages=1`; without it nothing is synced before the answer */
export function kafkaNode(name, synced) {
  return {
    name,
    /** What the plan of a run counts on: sends and latency are warmed up for 5 s at the least. */
    seconds: { open: 5, least: 5 },
    missing: () => missingOf(missingKafka(), missingPackages(PACKAGE)),
    async open(directory) {
      const broker = await KafkaBroker.start(directory, QUEUES);
      const client = new ClientProcess(new URL('client.js', import.meta.url));
      const close = async () => {
        await client.stop();
        await broker.stop();
      };
      const settings = synced ? [{ name: 'flush.messages', value: '1' }] : [];
      try {
        await client.ask('connect', { address: broker.address, name: TOPIC, queues: QUEUES, settings, batch: BATCH });
      } catch (error) {
        await close();
        throw error;
      }
      const { server, configuration } = broker.facts(synced);
      return new QueuePeer({
        client,
        programs: [{ stop: () => broker.stop() }, client],
        pids: () => broker.pids(),
        durability: synced ? 'sync' : 'async',
        expectedPerSecond: EXPECTED_PER_SECOND,
        facts: {
          server,
          client: describeVersions(PACKAGE),
          configuration,
          queues: `one topic of ${QUEUES} partitions, one replica`,
          sending: `acks=all, not idempotent, no compression (as shipped). Many in flight: the stream of the producer, which sends what has gathered while its last batch was under way, ${BATCH} messages at the most and without a delay (batchTime 0), and reports the delivery of each. One at a time, and at a fixed rate while no more than 5 are under way: send, a request for each message`,
          receiving:
            'one consumer of a group, a handler for each message; autocommit as shipped: the offsets of what a fetch has brought are committed once it was handed over',
        },
      });
    },
  };
}
