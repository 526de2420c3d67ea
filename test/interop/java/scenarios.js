// The scenarios of one Java client against a broker of its own, and what the Node client does in them.
import { eventually, java, until } from './processes.js';

const KEYS = ['a', 'order-17', 'Grüße', 'polygenelubricants', undefined, '世界'];
const PACKED = 'Übergröße '.repeat(30_000);
/** What the Java side waits for. */
const TOLD = ['compressed', 'answering', 'asked', 'traced'];
const LIMIT_MILLIS = 300_000;

export const TOPICS = [
  'Queues',
  'Delays',
  'Compressed',
  'Limits',
  'Queries',
  'Broadcast',
  'Sql',
  'Dead',
  'DeadOrderly',
  'FromWhere',
  'Reset',
  'Lite',
  'Assign',
  'Pull',
  'Transactions',
  'RequestsToJava',
  'RequestsToNode',
  'RequestsToNobody',
  'Traced',
].map((name) => ({ name, queues: name === 'DeadOrderly' ? 1 : 4 }));

/** So that transactions are asked about while somebody waits for it; an answer that is on its way comes first, though. */
export const TRANSACTIONS = { timeoutMillis: 10_000, checkIntervalMillis: 1_000 };

export async function runScenarios({ setting, address, nestmq, check, names = [] }) {
  const program = java(setting, 'Scenarios', address, ...names);
  const client = nestmq.client(address, 'interop', { requestTimeoutMillis: 20_000, sendTimeoutMillis: 20_000 });
  await client.start();
  const parts = Object.entries(PARTS)
    .filter(([name]) => names.length === 0 || names.includes(name))
    .map(([name, part]) =>
      part({
        client,
        nestmq,
        check: (what, ok, detail) => check(`${name}: ${what}`, ok, detail),
        /** What the scenario says about this; undefined when the program has ended without. */
        said: async (what) => {
          const find = (lines) => lines.find(([kind, by, said]) => kind === 'SAID' && by === name && said === what);
          await until(program, (lines) => find(lines) !== undefined, Date.now() + LIMIT_MILLIS);
          return find(program.lines)?.[3];
        },
        all: (what) => program.lines.filter(([kind, by, said]) => kind === 'SAID' && by === name && said === what),
        tell: (line) => program.stdin.write(`${line}\n`),
      }).catch((error) => {
        check(`${name}: Node's part`, false, error.stack);
        // So that nobody waits for it.
        for (const line of TOLD) program.stdin.write(`${line}\n`);
      }),
    );
  const done = await until(program, (lines) => lines.some(([what]) => what === 'DONE'), Date.now() + LIMIT_MILLIS);
  const running = unfinished(program.lines, names);
  check('all scenarios end', done, `${running}\n${program.errors.slice(0, 2_000)}`);
  if (!done) program.kill('SIGKILL');
  await Promise.all(parts);
  await client.shutdown(1_000);
  for (const [kind, name, what, result, detail] of program.lines)
    if (kind === 'CHECK') check(`${name}: ${what}`, result === 'ok', detail);
}

function unfinished(lines, names) {
  const ended = new Set(lines.filter(([what]) => what === 'ENDED').map(([, name]) => name));
  return `ended: ${[...ended].join(' ')}${names.length === 0 ? '' : ` of ${names.join(' ')}`}`;
}

const PARTS = {
  async queues({ client, said, all, check }) {
    await said('hashed');
    await eventually(() => all('hashed').length >= KEYS.length);
    for (const [, , , text] of all('hashed')) {
      const [index, queueId] = text.split(' ').map(Number);
      const shardingKey = KEYS[index];
      if (shardingKey === undefined) continue;
      const sent = await client.producer.send({ topic: 'NodeQueues', body: Buffer.from('x'), shardingKey });
      check(
        `the key ${shardingKey} has the same queue for both`,
        sent.queueId === queueId,
        `${queueId} ${sent.queueId}`,
      );
    }
  },

  async compressed({ client, nestmq, said, check, tell }) {
    const sent = Number(await said('sent'));
    const bodies = await collect(client, nestmq, 'node-compressed', 'Compressed', 'zlib || ZLIB || LZ4 || ZSTD', sent);
    const packed = bodies.filter((body) => body === PACKED);
    check('Node reads what Java packs, with whatever', packed.length === sent - 1, `${packed.length} of ${sent - 1}`);
    check('Node reads what Java does not pack', bodies.includes('small'), bodies.length);
    const body = Buffer.from(PACKED);
    const result = await client.producer.send({ topic: 'Compressed', body, tag: 'node' });
    check('Node sends it packed', result.status === 'SEND_OK');
    tell('compressed');
  },

  async reset({ client, said, check }) {
    if ((await said('consumed')) === undefined) return;
    const moved = await client.admin.backlog.resetPosition('reset-group', 'Reset', 'earliest');
    check(
      'a reset moves every queue',
      moved.length === 4 && moved.every(({ offset }) => offset === 0),
      JSON.stringify(moved),
    );
  },

  async requests({ client, nestmq, said, check, tell }) {
    const consumer = client.consumer({ group: 'node-replier', mode: nestmq.ConsumeMode.CONCURRENT, from: 'earliest' });
    consumer.add({
      name: 'replier',
      topic: 'RequestsToNode',
      handle: ({ body }) => ({
        kind: 'acknowledge',
        reply: { body: Buffer.from(`node:${body}`), contentType: 'text' },
      }),
    });
    await consumer.register();
    await consumer.start();
    tell('answering');
    if ((await said('answering')) === undefined) return;
    const message = { topic: 'RequestsToJava', body: Buffer.from('node asks') };
    const reply = await client.requests.request(message, 30_000);
    check('Java answers Node', String(reply?.body) === 'java:node asks', String(reply?.body));
    tell('asked');
  },

  async trace({ client, said, check, tell }) {
    const id = await said('sent');
    if (id === undefined) return;
    const trace = await eventually(async () => {
      const found = await client.admin.traces.find(id);
      return found !== undefined && found.sends.length > 0 && found.deliveries.some(({ settledAt }) => settledAt)
        ? found
        : undefined;
    });
    const detail = JSON.stringify(trace ?? (await client.admin.traces.find(id)));
    check('the trace tells of the send', trace?.sends[0]?.group === 'trace-producer', detail);
    check('and of the delivery', trace?.deliveries[0]?.group === 'trace-group', detail);
    tell('traced');
  },
};

/** The bodies that a group of Node gets, as many as are wanted. */
async function collect(client, nestmq, group, topic, tag, count) {
  const bodies = [];
  const consumer = client.consumer({ group, mode: nestmq.ConsumeMode.CONCURRENT, from: 'earliest' });
  consumer.add({ name: group, topic, tag, handle: ({ body }) => void bodies.push(body.toString()) });
  await consumer.register();
  await consumer.start();
  await eventually(() => bodies.length >= count);
  await consumer.stop(1_000);
  return bodies;
}
