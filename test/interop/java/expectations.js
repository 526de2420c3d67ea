// What the Java programs must have sent and got. Lines are as InteropProducer and InteropConsumer print them.

const GROUPS = { filtered: 'java-filtered', everything: 'java-everything', orderly: 'java-orderly' };
const EVEN = Array.from({ length: 10 }, (_, i) => `sync-${2 * i}`);
const ALL = [
  ...Array.from({ length: 20 }, (_, i) => `sync-${i}`),
  'length=100000',
  ...Array.from({ length: 5 }, (_, i) => `batch-${i}`),
  'delayed',
  'fail-once',
  'fail-always',
];
const FRESH = ['async-0', 'async-1', 'async-2', 'oneway'];
const FILTERED = [...EVEN, 'length=100000', 'delayed', 'fail-once', 'fail-once', 'fail-always', 'fail-always'];
const ORDERED = 40;

export function checkSends(lines, address, check) {
  const sent = lines
    .filter(([what]) => what === 'SENT')
    .map(([, name, id, offsetId, queue, offset]) => ({ name, id, offsetId, queue, offset }));
  check('acknowledges every send', sent.length === 20 + 5 + ORDERED + 3, `${sent.length} acknowledgements`);
  const [ip, port] = address.split(':');
  const host =
    ip
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('') + Number(port).toString(16).padStart(8, '0');
  check(
    'gives ids that name the broker',
    sent.every(({ offsetId }) => offsetId.toLowerCase().startsWith(host)),
  );
  const batch = sent.find(({ name }) => name === 'batch');
  check('acknowledges a batch with the ids of all', batch?.offsetId.split(',').length === 5, batch?.offsetId);
  check(
    'refuses what only a broker may write',
    lines.some(([what, how]) => what === 'FORBIDDEN' && how === 'refused'),
  );
}

export async function checkDeliveries(consumer, until, check, readTopic) {
  const of = (lines, group) =>
    lines
      .filter(([what, name]) => what === 'GOT' && name === GROUPS[group])
      .map(([, , topic, queue, attempts, tag, keys, colour, id, body]) => ({
        topic,
        queue,
        attempts: Number(attempts),
        tag,
        keys,
        colour,
        id,
        body,
      }));
  const complete = (lines) =>
    of(lines, 'filtered').length >= FILTERED.length &&
    of(lines, 'everything').length >= ALL.length + FRESH.length &&
    of(lines, 'orderly').length >= ORDERED;
  check('delivers everything in time', await until(consumer, complete), summary(consumer.lines));

  const filtered = of(consumer.lines, 'filtered');
  check('filters by tag and retries what failed', same(filtered, FILTERED), difference(filtered, FILTERED));
  const attempts = filtered.filter(({ body }) => body === 'fail-once').map((message) => message.attempts);
  check('counts the attempts', String(attempts) === '0,1', String(attempts));
  check(
    'shows retries under their own topic',
    filtered.every(({ topic }) => topic === 'JavaOrders'),
  );
  const twice = filtered.filter(({ body }) => body === 'fail-once').map(({ id }) => id);
  check('keeps the id of a retried message', twice.length === 2 && twice[0] === twice[1], String(twice));

  const everything = of(consumer.lines, 'everything');
  check(
    'delivers to a second group too',
    same(everything, [...ALL, ...FRESH]),
    difference(everything, [...ALL, ...FRESH]),
  );
  const seven = everything.find(({ body }) => body === 'sync-7');
  check(
    'keeps tags, keys and properties',
    seven?.tag === 'B' && seven.keys === 'key-7 all' && seven.colour === 'grün-7',
    JSON.stringify(seven),
  );

  const orderly = of(consumer.lines, 'orderly').map(({ body }) => body);
  const perKey = [0, 1, 2, 3].map((key) => orderly.filter((body) => body.startsWith(`${key}:`)));
  check(
    'keeps the order of each key over a failure',
    perKey.every((bodies) => bodies.length === 10 && bodies.every((body, i) => body.endsWith(`:${i}`))),
    JSON.stringify(perKey),
  );

  const dead = await deadLetters(readTopic);
  check(
    'makes a dead letter of what always fails',
    dead.length === 1 && dead[0].body.toString() === 'fail-always',
    `${dead.length} dead letters`,
  );
  check(
    'says where the dead letter came from',
    dead[0]?.properties.includes('NESTMQ_DLQ_TOPIC\u0001JavaOrders\u0002') === true,
    dead[0]?.properties,
  );
}

/** The send-back of the last attempt may still be under way when its delivery has been seen. */
async function deadLetters(readTopic) {
  const deadline = Date.now() + 100_000;
  for (;;) {
    const records = await readTopic(`%DLQ%${GROUPS.filtered}`);
    if (records.length > 0 || Date.now() > deadline) return records;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function same(messages, bodies) {
  return difference(messages, bodies) === '';
}

function difference(messages, bodies) {
  const got = messages.map(({ body }) => body).toSorted();
  const wanted = bodies.toSorted();
  return String(got) === String(wanted) ? '' : `got ${got}\n  instead of ${wanted}`;
}

function summary(lines) {
  const counts = new Map();
  for (const [what, group] of lines) if (what === 'GOT') counts.set(group, (counts.get(group) ?? 0) + 1);
  return JSON.stringify([...counts]);
}
