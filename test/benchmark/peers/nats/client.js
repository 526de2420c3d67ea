// The client of NATS JetStream as its documentation has it: a publish with its answer, durable consumers, each message acknowledged.
import { AckPolicy, DeliverPolicy, StorageType, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { fill, measureLatency, measureReceive, measureSend } from '../support/load.js';
import { serve } from '../support/serve.js';

const DURABLE = 'bench';
const AT_ONCE = 500;
let streams;
let js;
let manager;

serve({
  async connect({ port, names }) {
    const connection = await connect({ servers: `127.0.0.1:${port}` });
    streams = names;
    js = jetstream(connection);
    manager = await jetstreamManager(connection);
    for (const name of names) {
      await manager.streams.add({ name, subjects: [name], storage: StorageType.File, num_replicas: 1 });
      await addConsumer(name);
    }
  },
  async send({ spec, pids }) {
    return measureSend(submitter(Buffer.alloc(spec.bytes, 'x')), spec, pids);
  },
  async fill({ count, spec }) {
    return fill(submitter(Buffer.alloc(spec.bytes, 'x')), count, spec.inFlight);
  },
  async receive({ spec, backlog, pids }) {
    return measureReceive((onMessages) => consume(() => onMessages(1)), spec, backlog, pids);
  },
  async clear() {
    for (const name of streams) {
      await manager.streams.purge(name);
      await manager.consumers.delete(name, DURABLE);
      await addConsumer(name);
    }
  },
  async latency({ spec }) {
    const begin = (onMessage) =>
      consume(({ data }) => onMessage(new DataView(data.buffer, data.byteOffset).getFloat64(0)));
    let turn = 0;
    const submit = (sentAt, done) => {
      const body = Buffer.alloc(spec.bytes, 'x');
      body.writeDoubleBE(sentAt);
      publish(turn++, body, done);
    };
    return measureLatency(begin, submit, spec);
  },
});

function addConsumer(stream) {
  return manager.consumers.add(stream, {
    durable_name: DURABLE,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    max_ack_pending: 10_000,
  });
}

const submitter = (body) => (index, done) => publish(index, body, done);

function publish(index, body, done) {
  js.publish(streams[index % streams.length], body).then(() => done(), done);
}

async function consume(onMessage) {
  const consumed = await Promise.all(
    streams.map(async (stream) => {
      const consumer = await js.consumers.get(stream, DURABLE);
      const callback = (message) => {
        onMessage(message);
        message.ack();
      };
      return consumer.consume({ max_messages: AT_ONCE, callback });
    }),
  );
  return () => Promise.all(consumed.map((messages) => messages.close()));
}
