// Redis Streams through ioredis: XADD, and a consumer group that reads many and acknowledges them at once.
import { Redis } from 'ioredis';
import { fill, measureLatency, measureReceive, measureSend } from '../support/load.js';
import { serve } from '../support/serve.js';

const GROUP = 'bench';
const AT_ONCE = 256;
let options;
let streams;
let redis;

serve({
  async connect({ port, names }) {
    // Commands of one turn of the loop travel together, as its documentation advises.
    options = { host: '127.0.0.1', port, enableAutoPipelining: true };
    redis = new Redis(options);
    streams = names;
    await createGroups();
  },
  async send({ spec, pids }) {
    return measureSend(submitter(Buffer.alloc(spec.bytes, 'x')), spec, pids);
  },
  async fill({ count, spec }) {
    return fill(submitter(Buffer.alloc(spec.bytes, 'x')), count, spec.inFlight);
  },
  async receive({ spec, backlog, pids }) {
    return measureReceive(
      (onMessages, fail) => consume((bodies) => onMessages(bodies.length), fail),
      spec,
      backlog,
      pids,
    );
  },
  async clear() {
    await redis.unlink(...streams);
    await createGroups();
  },
  async latency({ spec }) {
    const begin = (onMessage, fail) =>
      consume((bodies) => {
        for (const body of bodies) onMessage(body.readDoubleLE());
      }, fail);
    let turn = 0;
    const submit = (sentAt, done) => {
      const body = Buffer.alloc(spec.bytes, 'x');
      body.writeDoubleLE(sentAt);
      add(turn++, body, done);
    };
    return measureLatency(begin, submit, spec);
  },
});

async function createGroups() {
  for (const name of streams) await redis.xgroup('CREATE', name, GROUP, '0', 'MKSTREAM');
}

const submitter = (body) => (index, done) => add(index, body, done);

function add(index, body, done) {
  redis.xadd(streams[index % streams.length], '*', 'body', body).then(() => done(), done);
}

/** Reads on a connection of its own, since it waits there; what was acknowledged is cut off at the end. */
async function consume(onBodies, fail) {
  const reader = new Redis({ ...options, enableAutoPipelining: false });
  const last = new Map();
  let ending = false;
  const reading = (async () => {
    const place = ['GROUP', GROUP, 'bench', 'COUNT', AT_ONCE, 'BLOCK', 100, 'STREAMS', ...streams];
    const all = [...place, ...streams.map(() => '>')];
    while (!ending) {
      for (const [stream, entries] of (await reader.xreadgroupBuffer(...all)) ?? []) {
        onBodies(entries.map(([, fields]) => fields[1]));
        await redis.xack(stream, GROUP, ...entries.map(([id]) => id));
        last.set(stream, entries.at(-1)[0]);
      }
    }
  })();
  reading.catch(fail);
  return async () => {
    ending = true;
    await reading;
    for (const [stream, id] of last) await redis.xtrim(stream, 'MINID', id);
    reader.disconnect();
  };
}
