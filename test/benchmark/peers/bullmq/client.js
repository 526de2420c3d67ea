// The client of BullMQ as its documentation has it: `add` for each job, workers with a concurrency, jobs removed on completion.
import { Queue, Worker } from 'bullmq';
import { fill, measureLatency, measureReceive, measureSend } from '../support/load.js';
import { serve } from '../support/serve.js';

const REMOVED = { removeOnComplete: true };
/** More at once is slower: each job that is worked on has a lock to be renewed. */
const CONCURRENCY = 64;
let connection;
let names;
let queues;

serve({
  async connect(given) {
    names = given.names;
    connection = { host: '127.0.0.1', port: given.port, maxRetriesPerRequest: null };
    queues = names.map((name) => new Queue(name, { connection, defaultJobOptions: REMOVED }));
    await Promise.all(queues.map((queue) => queue.waitUntilReady()));
  },
  async send({ spec, pids }) {
    return measureSend(submitter(spec.bytes), spec, pids);
  },
  async fill({ count, spec }) {
    return fill(submitter(spec.bytes), count, spec.inFlight);
  },
  async receive({ spec, backlog, pids }) {
    return measureReceive((onMessages, fail) => work(() => onMessages(1), fail), spec, backlog, pids);
  },
  async clear() {
    for (const queue of queues) await queue.drain();
  },
  async latency({ spec }) {
    const begin = (onMessage, fail) => work(({ data }) => onMessage(data.sentAt), fail);
    const body = 'x'.repeat(spec.bytes);
    let turn = 0;
    const submit = (sentAt, done) => add(turn++, { body, sentAt }, done);
    return measureLatency(begin, submit, spec);
  },
});

function submitter(bytes) {
  const data = { body: 'x'.repeat(bytes) };
  return (index, done) => add(index, data, done);
}

function add(index, data, done) {
  queues[index % queues.length].add('bench', data).then(() => done(), done);
}

async function work(onJob, fail) {
  const concurrency = Math.ceil(CONCURRENCY / names.length);
  const workers = names.map((name) => new Worker(name, async (job) => onJob(job), { connection, concurrency }));
  for (const worker of workers) worker.on('error', fail);
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return () => Promise.all(workers.map((worker) => worker.close()));
}
