// Real RocketMQ Java clients against our broker: `node test/interop/java/run.js`. Needs a build of the package, a JDK
// from 17 on and Maven; what it lacks it names in lines `missing: …` and ends with 77, with 1 if NESTMQ_REQUIRE=all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkDeliveries, checkSends } from './expectations.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BUILD = process.env.NESTMQ_BUILD ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const CLIENTS = (process.env.NESTMQ_ROCKETMQ_CLIENTS ?? '5.3.3,4.9.8').split(',');
const EXIT_MISSING = 77;
const REQUIRED = process.env.NESTMQ_REQUIRE === 'all';
/** For everything that a client has to be done with; far above what it takes. */
const PATIENCE_MILLIS = 120_000;
const TOPICS = ['JavaOrders', { name: 'JavaOrderly', queues: 4 }];

const started = new Set();
let passed = 0;
let failed = 0;

function check(name, ok, detail = '') {
  if (ok) passed++;
  else {
    failed++;
    console.log(`FAILED  ${name}${detail === '' ? '' : `: ${detail}`}`);
  }
}

function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  started.add(child);
  child.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: -1, error }));
    child.once('close', (code) => resolve({ code }));
  }).finally(() => started.delete(child));
  child.lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    child.lines.push(line.split('\t'));
    child.emit('line');
  });
  child.errors = '';
  child.stderr.on('data', (data) => (child.errors += data));
  return child;
}

/** Resolves with true once the lines of the child fulfil the condition, with false when it ends or takes too long. */
async function until(child, condition, deadline = Date.now() + PATIENCE_MILLIS) {
  while (!condition(child.lines)) {
    const left = deadline - Date.now();
    if (left <= 0) return false;
    const timer = new AbortController();
    const waited = await Promise.race([
      once(child, 'line', { signal: timer.signal }).then(
        () => 'line',
        () => 'stopped',
      ),
      child.ended.then(() => 'ended'),
      new Promise((resolve) => {
        const timeout = setTimeout(resolve, left, 'late');
        timer.signal.addEventListener('abort', () => clearTimeout(timeout));
      }),
    ]);
    timer.abort();
    if (waited !== 'line') return condition(child.lines);
  }
  return true;
}

async function missingTools() {
  const missing = [];
  if (!existsSync(join(BUILD, 'broker.js'))) missing.push(`a build of the package in ${BUILD} (npm run build)`);
  for (const [name, command, args] of [
    ['a JDK (javac)', 'javac', ['-version']],
    ['Maven (mvn)', 'mvn', ['-v']],
  ]) {
    if ((await start(command, args).ended).code !== 0) missing.push(name);
  }
  return missing;
}

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

async function runClient(version, classPath, BrokerHost, platform) {
  const home = await mkdtemp(join(tmpdir(), 'nestmq-interop-'));
  const host = await BrokerHost.start({ store: join(home, 'store'), listen: 0, topics: TOPICS }, platform);
  // The client writes its own logs below user.home.
  const java = (name) =>
    start('java', [
      `-Duser.home=${home}`,
      `-Drocketmq.client.logRoot=${home}`,
      '-cp',
      classPath,
      `interop.${name}`,
      host.address,
    ]);
  try {
    const consumer = java('InteropConsumer');
    check(
      `${version} consumers start`,
      await until(consumer, (lines) => lines.some(([what]) => what === 'READY')),
      consumer.errors,
    );
    const producer = java('InteropProducer');
    const ended = await producer.ended;
    check(`${version} producer ends well`, ended.code === 0, producer.errors.slice(0, 2_000));
    checkSends(producer.lines, host.address, (name, ok, detail) => check(`${version} ${name}`, ok, detail));
    await checkDeliveries(
      consumer,
      until,
      (name, ok, detail) => check(`${version} ${name}`, ok, detail),
      async (topic) => readTopic(host, topic),
    );
    consumer.stdin.end();
    check(`${version} consumers stop`, (await consumer.ended).code === 0, consumer.errors.slice(0, 2_000));
    check(`${version} leaves nobody behind`, host.health().broker.consumerGroups === 0);
  } finally {
    await host.stop();
    await rm(home, { recursive: true, force: true });
  }
}

/** The records of queue 0 of a topic. */
async function readTopic(host, topic) {
  const { createRequest, decodeRecords, PullSysFlag, RequestCode } = await import(
    pathToFileURL(join(BUILD, 'protocol/index.js')).href
  );
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
  const missing = await missingTools();
  if (missing.length > 0) {
    for (const what of missing) console.log(`missing: ${what}`);
    return REQUIRED ? 1 : EXIT_MISSING;
  }
  const { BrokerHost, systemPlatform } = await import(pathToFileURL(join(BUILD, 'broker.js')).href);
  const quiet = { error: console.error, warn: console.error, log() {}, debug() {}, verbose() {} };
  const runs = [];
  for (const version of CLIENTS) {
    const classPath = await compile(version);
    if (classPath === undefined) {
      if (REQUIRED) check(`the client ${version} is there`, false);
      else console.log(`missing: the Java client ${version}, which Maven could not fetch`);
      continue;
    }
    // Side by side: a Java consumer looks for its new retry topic only every 30 s.
    runs.push(runClient(version, classPath, BrokerHost, systemPlatform({ logger: quiet })));
  }
  await Promise.all(runs);
  if (runs.length === 0 && !REQUIRED) return EXIT_MISSING;
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

let code = 1;
try {
  code = await main();
} finally {
  for (const child of started) child.kill('SIGKILL');
}
process.exit(code);
