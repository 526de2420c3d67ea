// The client of RabbitMQ as amqplib documents it: confirms, persistent messages, a prefetch, one acknowledgement a message.
import amqp from 'amqplib';
import { fill, measureLatency, measureReceive, measureSend } from '../support/load.js';
import { serve } from '../support/serve.js';

const PERSISTENT = { persistent: true };
let connection;
let queues;
let channels;

serve({
  async connect({ port, names }) {
    connection = await amqp.connect(`amqp://guest:guest@127.0.0.1:${port}`, { noDelay: true });
    queues = names;
    channels = await Promise.all(names.map(() => connection.createConfirmChannel()));
    for (const name of names)
      await channels[0].assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  },
  async send({ spec, pids }) {
    return measureSend(submitter(Buffer.alloc(spec.bytes, 'x')), spec, pids);
  },
  async fill({ count, spec }) {
    return fill(submitter(Buffer.alloc(spec.bytes, 'x')), count, spec.inFlight);
  },
  async receive({ spec, backlog, pids }) {
    return measureReceive((onMessages) => consume(spec.inFlight, () => onMessages(1)), spec, backlog, pids);
  },
  async clear() {
    for (const name of queues) await channels[0].purgeQueue(name);
  },
  async latency({ spec }) {
    const begin = (onMessage) => consume(spec.inFlight, (message) => onMessage(message.content.readDoubleLE()));
    let turn = 0;
    const submit = (sentAt, done) => {
      const body = Buffer.alloc(spec.bytes, 'x');
      body.writeDoubleLE(sentAt);
      const place = turn++ % queues.length;
      channels[place].sendToQueue(queues[place], body, PERSISTENT, done);
    };
    return measureLatency(begin, submit, spec);
  },
});

function submitter(body) {
  return (index, done) => {
    const place = index % queues.length;
    channels[place].sendToQueue(queues[place], body, PERSISTENT, done);
  };
}

/** One channel a queue, the prefetch shared among them. */
async function consume(inFlight, onMessage) {
  const own = await Promise.all(queues.map(() => connection.createChannel()));
  await Promise.all(
    own.map(async (channel, place) => {
      await channel.prefetch(Math.max(1, Math.ceil(inFlight / queues.length)));
      await channel.consume(queues[place], (message) => {
        onMessage(message);
        channel.ack(message);
      });
    }),
  );
  return async () => {
    for (const channel of own) await channel.close();
  };
}
