// The client of Kafka as @platformatic/kafka documents it: sends alone or through a stream that makes batches, a consumer of a group.
import { Admin, Consumer, ProduceAcks, Producer } from '@platformatic/kafka';
import { fill, measureLatency, measureReceive, measureSend } from '../support/load.js';
import { serve } from '../support/serve.js';

/** A stream that holds this many stops taking what is written until a batch is acknowledged. */
const MOST_GATHERED = 4096;
/** The broker is Java, which compiles while it runs: cold it is half a second behind at 1,000/s. */
const LEAST_WARM_UP_SECONDS = 5;
/** Requests that the client has under way at once, as shipped: more messages than these would only queue, one request each. */
const REQUESTS_AT_ONCE = 5;
const warmed = (spec) => ({ ...spec, warmUpSeconds: Math.max(LEAST_WARM_UP_SECONDS, spec.warmUpSeconds) });

let given;
let options;
let admin;
let producer;
let topic;
let topics = 0;
let stream;
/** Is told when the stream fails, and all that is in it. */
let failed;

serve({
  async connect(wanted) {
    given = wanted;
    options = { clientId: 'bench', bootstrapBrokers: [given.address] };
    admin = new Admin(options);
    producer = new Producer({ ...options, acks: ProduceAcks.ALL });
    await createTopic();
    stream = producer.asStream({
      acks: ProduceAcks.ALL,
      batchSize: given.batch,
      batchTime: 0,
      highWaterMark: MOST_GATHERED,
      reportMode: 'message',
    });
    stream.on('delivery-report', ({ message }) => message.metadata());
    stream.on('error', (error) => failed(error));
  },
  async send({ spec, pids }) {
    return measureSend(submitter(spec), warmed(spec), pids);
  },
  async fill({ count, spec }) {
    return fill(submitter(spec), count, spec.inFlight);
  },
  async receive({ spec, backlog, pids }) {
    return measureReceive((onMessages, fail) => consume(() => onMessages(1), fail), spec, backlog, pids);
  },
  /** There is no purging a topic: another one takes its place. */
  async clear() {
    await admin.deleteTopics({ topics: [topic] });
    await createTopic();
  },
  async latency({ spec }) {
    const begin = (onMessage, fail) => consume(({ value }) => onMessage(value.readDoubleLE()), fail);
    let open = 0;
    const submit = (sentAt, done) => {
      const body = Buffer.alloc(spec.bytes, 'x');
      body.writeDoubleLE(sentAt);
      const over = (error) => {
        open -= 1;
        done(error);
      };
      open += 1;
      if (open <= REQUESTS_AT_ONCE) sendAlone(body, over);
      else gather(body, over);
    };
    return measureLatency(begin, submit, warmed(spec));
  },
});

async function createTopic() {
  topic = `${given.name}-${topics++}`;
  const { queues, settings } = given;
  await admin.createTopics({ topics: [topic], partitions: queues, replicas: 1, configs: settings });
}

/** A batch would only wait for others, where there are none. */
function submitter({ bytes, inFlight }) {
  const body = Buffer.alloc(bytes, 'x');
  const submit = inFlight === 1 ? sendAlone : gather;
  return (index, done) => submit(body, done);
}

function sendAlone(value, done) {
  producer.send({ messages: [{ topic, value }], acks: ProduceAcks.ALL }, done);
}

function gather(value, done) {
  failed = done;
  stream.write({ topic, value, metadata: done });
}

/** A group that has no position yet begins with the first message; each topic has a group of its own. */
async function consume(onMessage, fail) {
  const consumer = new Consumer({ ...options, groupId: `receivers-of-${topic}` });
  const messages = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' });
  messages.on('error', fail);
  messages.on('data', onMessage);
  return async () => {
    await messages.close();
    await consumer.close();
  };
}
