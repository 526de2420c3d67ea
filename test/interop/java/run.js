// Real RocketMQ Java clients against our broker: `node test/interop/java/run.js`. Needs a build of the package, a JDK
// from 17 on and Maven; what it lacks it names in lines `missing: …` and ends with 77, with 1 if NESTMQ_REQUIRE=all.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkDeliveries, checkSends } from './expectations.js';
import { check, conclude, EXIT_MISSING, isIncomplete, REQUIRED } from './checks.js';
import { load, loadPackage } from './nestmq.js';
import { runExamples } from './examples.js';
import { MIXED_MODES, MIXED_QUEUES, MixedGroup, mixedTopic } from './mixed.js';
import { checkRecorded, writeRecorded } from './recorded.js';
import { Recorder } from './recorder.js';
import { eventually, java, killAll, start, until } from './processes.js';
import { runScenarios, TOPICS as SCENARIO_TOPICS, TRANSACTIONS } from './scenarios.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const CLIENTS = (process.env.NESTMQ_ROCKETMQ_CLIENTS ?? '5.3.3,4.9.8').split(',');
const TOPICS = ['JavaOrders', { name: 'JavaOrderly', queues: 4 }];
/** Replaces the committed frames. */
const RECORD = process.argv.includes('--record');
const BINARY = '-Drocketmq.serialize.type=ROCKETMQ';
/** Single messages travel with the long names of their fields, as other clients send them. */
const LONG_NAMES = '-Dorg.apache.rocketmq.client.sendSmartMsg=false';

const CERTIFICATES = fileURLToPath(new URL('../../certificates', import.meta.url));
/** What needs no administrator: dead letters and messages by their place in the log do. */
const SECURED = [
  'refused',
  'delays',
  'broadcast',
  'sql',
  'liteSubscribe',
  'liteAssign',
  'pull',
  'transactions',
  'fromWhere',
];

/** The class path of the compiled clients, or undefined with the reason printed. */
async function compile(version) {
  const goals = ['-q', '-B', `-Drocketmq.version=${version}`, 'package', 'dependency:copy-dependencies'];
  const maven = start('mvn', goals, { cwd: HERE });
  const { code } = await maven.ended;
  if (code === 0) {
    const folder = join(HERE, 'target', version);
    return [join(folder, 'interop-1.jar'), join(folder, 'dependency', '*')].join(delimiter);
  }
  console.log(
    `Maven could not build the client ${version}: ${maven.lines.flat().slice(0, 6).join('\n')}${maven.errors}`,
  );
  return undefined;
}

/** A broker and a home for its Java clients, for as long as `work` takes. */
async function withBroker(nestmq, settings, work) {
  const home = await mkdtemp(join(tmpdir(), 'nestmq-interop-'));
  try {
    const host = await nestmq.startBroker({ store: join(home, 'store'), listen: 0, ...settings });
    try {
      await work(host, home);
    } finally {
      await host.stop();
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Producer and push consumers with the client's own timers. */
async function runBasics({ nestmq, classPath, name }) {
  await withBroker(nestmq, { topics: TOPICS }, async (host, home) => {
    const said = (what, ok, detail) => check(`${name} ${what}`, ok, detail);
    const setting = { classPath, home, patient: true };
    const consumer = java(setting, 'InteropConsumer', host.address);
    said(
      'consumers start',
      await until(consumer, (lines) => lines.some(([what]) => what === 'READY')),
      consumer.errors,
    );
    const producer = java(setting, 'InteropProducer', host.address);
    const ended = await producer.ended;
    said('producer ends well', ended.code === 0, producer.errors.slice(0, 2_000));
    checkSends(producer.lines, host.address, said);
    await checkDeliveries(consumer, until, said, async (topic) => readTopic(host, topic));
    consumer.stdin.end();
    said('consumers stop', (await consumer.ended).code === 0, consumer.errors.slice(0, 2_000));
    // A connection that broke is seen a moment after the process has gone.
    said('leaves nobody behind', await eventually(() => host.health().broker.consumerGroups === 0));
  });
}

/** Everything else that the client does, in one process; every frame of it passes the recorder. */
async function runAll({ nestmq, classPath, version, form, options, frames }) {
  const name = `${version} ${form}`;
  const recorder = new Recorder(version, await load('remoting/index.js'), await load('protocol/index.js'));
  const advertisedAddress = await recorder.listen();
  const settings = { topics: SCENARIO_TOPICS, transactions: TRANSACTIONS, advertisedAddress };
  await withBroker(nestmq, settings, async (host, home) => {
    recorder.lead(host.address);
    await runScenarios({
      setting: { classPath, home, options },
      address: advertisedAddress,
      nestmq,
      check: (what, ok, detail) => check(`${name} ${what}`, ok, detail),
    });
  });
  await recorder.close();
  const problems = [...recorder.problems];
  check(
    `${name} frames come back as they were (${recorder.seen})`,
    problems.length === 0,
    problems.slice(0, 5).join('\n'),
  );
  for (const [kind, frame] of recorder.frames) frames.set(kind, frame);
}

/** Through TLS and with signatures; a broker that lets nobody else in. */
async function runSecured({ nestmq, classPath, version }) {
  const [accessKey, secretKey] = ['interop-access', 'interop-secret'];
  const allowed = Object.fromEntries(
    [...SCENARIO_TOPICS.map(({ name }) => name), 'Allowed'].map((name) => [name, 'PUB|SUB']),
  );
  const account = { accessKey, secretKey, topicPermissions: allowed, defaultGroupPermission: 'SUB' };
  const settings = {
    topics: [...SCENARIO_TOPICS, 'Allowed', 'Forbidden'],
    transactions: TRANSACTIONS,
    acl: { accounts: [account] },
    tls: { mode: 'enforcing', key: join(CERTIFICATES, 'server.key'), cert: join(CERTIFICATES, 'server.pem') },
  };
  const keys = [`-Dinterop.accessKey=${accessKey}`, `-Dinterop.secretKey=${secretKey}`];
  await withBroker(nestmq, settings, async ({ address }, home) => {
    await runScenarios({
      setting: { classPath, home, options: ['-Dtls.enable=true', ...keys] },
      address,
      nestmq,
      check: (what, ok, detail) => check(`${version} through TLS, signed: ${what}`, ok, detail),
      names: SECURED,
    });
  });
}

/** Groups with members of Java and of Node. */
async function runMixed({ nestmq, classPath, version }) {
  const topics = MIXED_MODES.map((mode) => ({ name: mixedTopic(version, mode), queues: MIXED_QUEUES }));
  await withBroker(nestmq, { topics }, async ({ address }, home) => {
    const given = { setting: { classPath, home }, version, nestmq, address, check };
    await Promise.all(MIXED_MODES.map((mode) => new MixedGroup({ ...given, mode }).run()));
  });
}

/** The programs that RocketMQ gives as examples. */
async function runPrograms({ nestmq, classPath, version }) {
  const newer = !version.startsWith('4.');
  const topics = [
    'TopicTest',
    'SqlFilterTest',
    'TagFilterTest',
    'TestTopic',
    'TimerTopic',
    'RequestTopic',
    'NAMESPACE_TOPIC',
  ];
  const fixed = newer ? await startFixed(nestmq, topics) : undefined;
  try {
    await withBroker(nestmq, { topics }, async (first, home) => {
      await withBroker(nestmq, { topics }, async (second) => {
        await runExamples({
          setting: { classPath, home },
          addresses: { first: first.address, second: second.address, fixed: fixed?.address },
          newer,
          stored: (topic) => first.topics().find(({ name }) => name === topic),
          check: (what, ok, detail) => check(`${version} example ${what}`, ok, detail),
        });
      });
    });
  } finally {
    await fixed?.stop();
  }
}

/** For programs that know one address only; undefined, and said, when somebody else listens there. */
async function startFixed(nestmq, topics) {
  try {
    return await nestmq.startBroker({ memory: true, listen: 9876, topics });
  } catch (error) {
    if (REQUIRED) check('127.0.0.1:9876 is free for the examples that know no other address', false, error.message);
    else console.log(`missing: 127.0.0.1:9876 for the examples that know no other address (${error.message})`);
    return undefined;
  }
}

/** The records of queue 0 of a topic. */
async function readTopic(host, topic) {
  const { createRequest, decodeRecords, PullSysFlag, RequestCode } = await load('protocol/index.js');
  const channel = await host.connector.connect('');
  const header = {
    consumerGroup: 'interop',
    topic,
    queueId: 0,
    queueOffset: 0,
    maxMsgNums: 32,
    sysFlag: PullSysFlag.SUBSCRIPTION,
    commitOffset: 0,
    suspendTimeoutMillis: 0,
    subVersion: 0,
    subscription: '*',
  };
  const { body } = await channel.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 5_000);
  await channel.close();
  return body === undefined ? [] : decodeRecords(body);
}

async function main() {
  if (await isIncomplete()) return REQUIRED ? 1 : EXIT_MISSING;
  const nestmq = await loadPackage();
  const runs = [];
  const frames = new Map();
  for (const version of CLIENTS) {
    const classPath = await compile(version);
    if (classPath === undefined) {
      if (REQUIRED) check(`the client ${version} is there`, false);
      else console.log(`missing: the Java client ${version}, which Maven could not fetch`);
      continue;
    }
    // Side by side: a Java consumer looks for its new retry topic only every 30 s.
    const own = { nestmq, classPath, version, frames };
    const four = version.startsWith('4.');
    runs.push(runPrograms(own));
    runs.push(runSecured(own));
    runs.push(runMixed(own));
    runs.push(runBasics({ ...own, name: version }));
    runs.push(runAll({ ...own, form: 'JSON', options: four ? [LONG_NAMES] : [] }));
    runs.push(runAll({ ...own, form: 'binary', options: four ? [BINARY] : [BINARY, LONG_NAMES] }));
  }
  await Promise.all(runs);
  if (RECORD) writeRecorded(frames);
  else checkRecorded(frames, check);
  if (runs.length === 0 && !REQUIRED) return EXIT_MISSING;
  return conclude();
}

let code = 1;
try {
  code = await main();
} finally {
  killAll();
}
process.exit(code);
