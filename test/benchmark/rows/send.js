import { OurServer } from '../subject/server.js';

const BYTES = 1024;
const send = (server, spec) => server.send(spec);

/** Throughput of sends, each acknowledged when it is on the disk. */
export const sendRows = [
  {
    name: 'send-embedded',
    tags: ['send'],
    title: 'send, embedded',
    processes: 'application with the broker inside',
    spec: { inFlight: 1000, bytes: BYTES },
    plan: { runs: 5, seconds: 5, warmUpSeconds: 2 },
    quick: { runs: 3, seconds: 2, warmUpSeconds: 1 },
    open: (directory) => OurServer.open(directory),
    run: send,
  },
];
