// What receiving over a socket costs step by step: another process writes answers to pulls as fast as they are taken, this one does
// a little more with them in each row. Usage, after a build: node test/benchmark/receive-floor.js [seconds] [bodyBytes]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { ConsumeMode } from '../../dist/client/index.js';
import { createCounters } from '../../dist/client/counters.js';
import { ListenerTable } from '../../dist/client/consumer/listener-table.js';
import { ProcessQueue } from '../../dist/client/consumer/process-queue.js';
import { PulledBodyDecoder } from '../../dist/client/consumer/pulled-body.js';
import { ReceivedMessage } from '../../dist/client/consumer/received-message.js';
import { withConsumerDefaults } from '../../dist/client/options.js';
import { BodyCopies, createResponse, encodeRecord, recordSize, RecordView } from '../../dist/protocol/index.js';
import { decodeFrame, encodeFrame, FrameParser, responseFields, SERIALIZE_BINARY } from '../../dist/remoting/index.js';

const [seconds = 3, bodyBytes = 1024] = process.argv.slice(2).map(Number);
const WARM_UP_MILLIS = 1000;
const ANSWER_BYTES = 512 * 1024;
const TOPIC = 'bench';
const PROPERTIES = `UNIQ_KEY\x017F0000010001${'0'.repeat(20)}\x02WAIT\x01true\x02contentType\x01binary\x02`;

const size = recordSize(bodyBytes, TOPIC.length, PROPERTIES.length, 0);
const messages = Math.floor(ANSWER_BYTES / size);

function answer() {
  const records = Buffer.alloc(size * messages);
  const fields = { queueId: 0, flag: 0, sysFlag: 0, bornTimestamp: 1, bornHost: '127.0.0.1:1', storeTimestamp: 2 };
  Object.assign(fields, { storeHost: '127.0.0.1:2', reconsumeTimes: 0, preparedTransactionOffset: 0, topic: TOPIC });
  const message = { ...fields, body: Buffer.alloc(bodyBytes, 'x'), properties: PROPERTIES };
  for (let i = 0; i < messages; i++)
    encodeRecord(records, i * size, { ...message, queueOffset: i, physicalOffset: i * size });
  const header = { suggestWhichBrokerId: 0, nextBeginOffset: messages, minOffset: 0, maxOffset: messages };
  return encodeFrame(createResponse(0, header, 'FOUND', records), SERIALIZE_BINARY, responseFields(11));
}

/** The other end: writes the same answer over and over. */
function pour() {
  const frame = answer();
  const server = createServer((socket) => {
    const next = (error) => {
      if (!error && !socket.destroyed) socket.write(frame, (failed) => setImmediate(next, failed));
    };
    socket.on('error', () => {});
    next();
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.once('disconnect', () => process.exit());
}

const queue = new ProcessQueue({ topic: TOPIC, brokerName: 'b', queueId: 0 }, 0, false);
const listeners = new ListenerTable(withConsumerDefaults({ group: 'g', mode: ConsumeMode.CONCURRENT }));
listeners.add({ name: 'l', topic: TOPIC, handle: () => undefined });
const decoder = new PulledBodyDecoder(listeners, '%RETRY%g', createCounters());
const copies = new BodyCopies(65_536);
let handled = 0;
const handler = () => void handled++;
const later = async () => void handled++;

function views(body, each) {
  for (let at = 0; at < body.length;) {
    const view = new RecordView(body, at);
    each(view);
    at += view.size;
  }
}
const deliveries = (body) => decoder.decode(queue, body, messages).deliveries;
const message = (delivery) => new ReceivedMessage(delivery.record, delivery);

/** What is done with the body of each answer, one more thing in each. */
const STEPS = {
  'and cut into frames': () => {},
  'and an object a message': (body) => views(body, () => {}),
  'and its body copied, for a handler': (body) => views(body, (view) => handler(copies.copy(view.body))),
  'or what the client knows of each, properties included': (body) => deliveries(body).forEach(handler),
  'and what a handler gets, body included': (body) => {
    for (const one of deliveries(body)) handler(message(one), copies.copy(one.body));
  },
  'and a promise of each handler': async (body) => {
    for (const one of deliveries(body)) await later(message(one), copies.copy(one.body));
  },
};

async function row(port, name, step, lent) {
  let frames = 0;
  let bytes = 0;
  const parser = new FrameParser((chunk, start, end) => {
    frames++;
    void step(decodeFrame(chunk, start, end).body);
  });
  const onBytes = (chunk) => {
    bytes += chunk.length;
    if (step !== undefined) parser.push(chunk, lent);
  };
  const buffer = Buffer.allocUnsafeSlow(65_536);
  const callback = (count) => (onBytes(buffer.subarray(0, count)), true);
  const socket = connect({ port, host: '127.0.0.1', ...(lent && { onread: { buffer, callback } }) });
  if (!lent) socket.on('data', onBytes);
  await once(socket, 'connect');
  const received = () => (step === undefined ? bytes / size : frames * messages);
  const wait = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
  await wait(WARM_UP_MILLIS);
  const before = { count: received(), at: performance.now(), cpu: process.cpuUsage() };
  await wait(seconds * 1000);
  const count = received() - before.count;
  const cpu = process.cpuUsage(before.cpu);
  const perSecond = count / (performance.now() - before.at);
  const micros = (of) => (cpu[of] / count).toFixed(2);
  console.log(`${perSecond.toFixed(0).padStart(6)} k/s  ${micros('user')} + ${micros('system')} us  ${name}`);
  socket.destroy();
}

if (process.send !== undefined) pour();
else {
  const other = fork(import.meta.filename ?? new URL(import.meta.url).pathname, process.argv.slice(2));
  const [port] = await once(other, 'message');
  console.log(`messages of ${bodyBytes} bytes, ${messages} an answer; user and system time of the process that reads`);
  await row(port, 'read, each into new memory', undefined, false);
  await row(port, 'read into the same memory', undefined, true);
  for (const [name, step] of Object.entries(STEPS)) await row(port, name, step, true);
  other.disconnect();
}
