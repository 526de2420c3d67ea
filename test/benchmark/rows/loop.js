// The broker inside, on the application's event loop or in a thread of its own: what it takes of the loop that the
// application needs for itself, at rates below its limit, and what the thread makes of the rates at the limit.
import { BYTES, SHORT, plain } from './common.js';
import { OurServer } from '../subject/server.js';

const RATES = [1000, 20_000];
const PLAN = { windows: 5, seconds: 2, warmUpSeconds: 1 };

const inline = { open: (directory) => OurServer.open(directory) };
const worker = { open: (directory) => OurServer.open(directory, { settings: { run: 'worker' } }) };
const IN_THREAD = '1: application, the broker in a worker thread';
const INSIDE = '1: application with the broker inside';

const paced = (place, server, processes, more) =>
  RATES.map((ratePerSecond) => ({
    name: `loop-${place}-${ratePerSecond}`,
    tags: ['loop', ...more],
    title: `sends at ${ratePerSecond.toLocaleString('en-US')}/s, ${place}: how busy the event loop is`,
    processes,
    spec: { ratePerSecond, bytes: BYTES },
    plan: PLAN,
    server,
    run: (open, spec) => open.paced(spec),
  }));

export const loopRows = [
  ...paced('inline', inline, INSIDE, []),
  ...paced('worker', worker, IN_THREAD, ['worker']),
  {
    name: 'send-worker',
    tags: ['send-worker', 'worker'],
    title: 'send, embedded, broker.run worker',
    processes: IN_THREAD,
    spec: plain,
    plan: SHORT,
    server: worker,
    run: (server, spec) => server.send(spec),
  },
  {
    name: 'receive-worker',
    tags: ['receive-worker', 'worker'],
    title: 'receive and acknowledge, embedded, broker.run worker',
    processes: IN_THREAD,
    spec: { bytes: BYTES, concurrency: 64 },
    plan: SHORT,
    server: worker,
    run: (server, spec) => server.receive(spec),
  },
];
