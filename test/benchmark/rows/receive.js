import { BYTES, embedded, LONG, plain, SHORT, standalone } from './common.js';
import { OurServer } from '../subject/server.js';
import { Pair } from '../subject/pair.js';

const receive = (server, spec) => server.receive(spec);
const INSIDE = '1: application with the broker inside';
const backlog = { bytes: BYTES, concurrency: 64 };

export const receiveTcpRow = {
  name: 'receive-tcp',
  tags: ['receive', 'tcp'],
  title: 'receive and acknowledge, over TCP',
  processes: '2: application, nestmq broker',
  spec: backlog,
  plan: SHORT,
  server: standalone,
  run: receive,
};

/** A backlog worked off by a listener with an empty handler. */
export const receiveRows = [
  {
    name: 'receive-embedded',
    tags: ['receive', 'embedded'],
    title: 'receive and acknowledge, embedded',
    processes: INSIDE,
    spec: backlog,
    plan: SHORT,
    server: embedded,
    run: receive,
  },
  {
    name: 'receive-orderly',
    tags: ['receive', 'embedded'],
    title: 'receive, orderly listener, embedded',
    processes: INSIDE,
    spec: { bytes: BYTES, orderly: true },
    plan: SHORT,
    server: embedded,
    run: receive,
  },
];

export const otherReceiveRows = [
  {
    name: 'receive-json',
    tags: ['json'],
    title: 'receive JSON objects of 1 KiB, embedded',
    processes: INSIDE,
    spec: { ...backlog, payload: 'json' },
    plan: SHORT,
    server: { open: (directory) => OurServer.open(directory) },
    run: receive,
  },
  {
    name: 'both-2',
    tags: ['both'],
    title: 'send and receive at once, each way',
    processes: '2: one application that does both, nestmq broker',
    spec: plain,
    plan: SHORT,
    server: { open: (directory) => Pair.open(directory, true) },
    run: (pair, spec) => pair.both(spec),
  },
  {
    name: 'both-3',
    tags: ['both'],
    title: 'send and receive at once, each way',
    processes: '3: sender, receiver, nestmq broker',
    spec: plain,
    plan: LONG,
    server: { open: (directory) => Pair.open(directory, false) },
    run: (pair, spec) => pair.both(spec),
  },
];
