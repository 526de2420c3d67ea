import { embedded, IN_FLIGHT, LONG, plain, SHORT, standalone } from './common.js';
import { OurServer } from '../subject/server.js';

const send = (server, spec) => server.send(spec);
const SUSTAINED_SECONDS = 60;
const SUSTAINED_WINDOWS = 12;

/** Old segments go after a second, so that they come round as the next ones. */
const RECYCLING = { retention: { ageMillis: 1000, checkMillis: 250, strict: true } };

/** Throughput of sends, each acknowledged when it is on the disk. */
export const sendRows = [
  {
    name: 'send-tcp',
    tags: ['send', 'tcp'],
    title: 'send, over TCP',
    processes: '2: application, nestmq broker',
    spec: plain,
    plan: LONG,
    server: standalone,
    run: send,
  },
  {
    name: 'send-embedded',
    tags: ['send', 'embedded'],
    title: 'send, embedded',
    processes: '1: application with the broker inside',
    spec: plain,
    plan: LONG,
    server: embedded,
    run: send,
  },
];

/** Other bodies, longer runs and other segments than those of the rows above. */
export const otherSendRows = [
  {
    name: 'send-json',
    tags: ['json'],
    title: 'send JSON objects of 1 KiB, embedded',
    processes: '1: application with the broker inside',
    spec: { ...plain, payload: 'json' },
    plan: SHORT,
    server: { open: (directory) => OurServer.open(directory) },
    run: send,
  },
  {
    name: 'batch',
    tags: ['batch'],
    title: 'batch of 100 x 100 B, embedded',
    processes: '1: application with the broker inside',
    spec: { inFlight: IN_FLIGHT, bytes: 100, batch: 100 },
    plan: SHORT,
    server: { open: (directory) => OurServer.open(directory) },
    run: send,
  },
  {
    name: 'send-recycled',
    tags: ['recycled'],
    title: 'send, embedded, into recycled segments',
    processes: '1: application with the broker inside',
    spec: plain,
    plan: SHORT,
    server: { open: (directory) => OurServer.open(directory, { settings: RECYCLING }) },
    run: send,
    async notes(server) {
      const { recycled, created } = await server.segments();
      const how = `${recycled} segments were recycled, ${created} written as new files`;
      return recycled === 0 ? `${how}: this is no figure of recycled segments` : how;
    },
  },
  {
    name: 'send-sustained',
    tags: ['sustained'],
    title: `send, embedded, for ${SUSTAINED_SECONDS} s on end`,
    processes: '1: application with the broker inside',
    spec: plain,
    plan: { windows: SUSTAINED_WINDOWS, seconds: SUSTAINED_SECONDS / SUSTAINED_WINDOWS, warmUpSeconds: 2 },
    server: { open: (directory) => OurServer.open(directory) },
    run: send,
  },
];
