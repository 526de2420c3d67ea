// What the broker inside takes of the event loop that an application needs for itself, at rates below its limit.
import { BYTES, QUICK } from './common.js';
import { OurServer } from '../subject/server.js';

const RATES = [1000, 20_000];
const PLAN = { runs: 5, seconds: 2, warmUpSeconds: 1 };

const server = { open: (directory) => OurServer.open(directory) };

export const loopRows = RATES.map((ratePerSecond) => ({
  name: `loop-${ratePerSecond}`,
  tags: ['loop'],
  title: `sends at ${ratePerSecond.toLocaleString('en-US')}/s, embedded: share of the event loop`,
  processes: '1: application with the broker inside',
  spec: { ratePerSecond, bytes: BYTES },
  plan: PLAN,
  quick: QUICK,
  server,
  run: (open, spec) => open.paced(spec),
}));
