// The command line against Apache RocketMQ: `node test/interop/command-line/run.js`. Needs a build of the package, a JDK from
// 17 on and Maven; what it lacks it names and ends with 77 (1 if NESTMQ_REQUIRE=all).
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { ApacheCluster, needRocketMQ } from '../apache/cluster.js';

const BUILD = process.env.NESTMQ_BUILD ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const VERSION = process.env.NESTMQ_ROCKETMQ ?? '5.3.3';
const TOPIC = 'CommandOrders';
const GROUP = 'command-billing';

const { MessagingClient, ConsumeMode } = await import(pathToFileURL(join(BUILD, 'client/index.js')).href);
const { systemPlatform } = await import(pathToFileURL(join(BUILD, 'platform/index.js')).href);
const { TcpConnector } = await import(pathToFileURL(join(BUILD, 'remoting/index.js')).href);

let passed = 0;
let failed = 0;

const cluster = await ApacheCluster.start(await needRocketMQ(VERSION), ['apache-a']);

/** Exit code and documents of one command. */
function run(args) {
  const command = [
    join(BUILD, 'cli/main.js'),
    ...args,
    '--name-server',
    cluster.nameServer,
    '--timeout',
    '30s',
    '--json',
  ];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => (said[stream] += text));
  return new Promise((done) => child.on('close', (code) => done({ code, ...said })));
}

/** Runs a command until its document is as it should be: what is sent is found a moment later. */
async function check(name, args, isRight) {
  const end = Date.now() + 60_000;
  for (;;) {
    const { code, stdout, stderr } = await run(args);
    if (code === 0 && isRight(JSON.parse(stdout))) {
      passed++;
      return JSON.parse(stdout);
    }
    if (Date.now() > end) {
      failed++;
      console.log(`FAILED  ${name}: ${code} ${stdout}${stderr}`);
      return {};
    }
  }
}

const platform = systemPlatform({ logger: { error() {}, warn() {}, log() {}, debug() {}, verbose() {} } });
const nameServers = [cluster.nameServer];
const client = new MessagingClient(
  {
    application: 'command',
    nameServers,
    connector: new TcpConnector({}, platform.clock),
    requestTimeoutMillis: 20_000,
  },
  platform,
);
try {
  await check('cluster', ['cluster', '--broker', 'apache-a'], ({ brokers }) => brokers.length === 1 && brokers[0].up);
  await check('topic create', ['topic', 'create', TOPIC, '--queues', '2'], ({ queues }) => queues.length === 2);
  await check('topic list', ['topic', 'list'], ({ topics }) => topics.includes(TOPIC) && !topics.includes('TBW102'));
  await check('topic update', ['topic', 'update', TOPIC, '--queues', '3'], ({ queues }) => queues.length === 3);

  await client.start();
  let broken = true;
  const handled = [];
  const consumer = client.consumer({ group: GROUP, mode: ConsumeMode.CONCURRENT, from: 'earliest' });
  consumer.add({
    name: 'l',
    topic: TOPIC,
    handle: (message) => {
      if (broken) return { kind: 'dead-letter', error: new TypeError('no such field') };
      handled.push(message.text());
      return { kind: 'acknowledge' };
    },
  });
  await consumer.register();
  await consumer.start();

  const send = ['message', 'send', `${TOPIC}:new`, '{"id":1}', '--key', 'order-1'];
  const sent = await check('message send', send, ({ status }) => status === 'SEND_OK');
  const isIt = (message) => message.messageId === sent.messageId && message.body === '{"id":1}';
  const one = ({ messages }) => messages.length === 1 && isIt(messages[0]);
  await check('message get', ['message', 'get', sent.messageId, '--topic', TOPIC], ({ message }) => isIt(message));
  await check('by where it is', ['message', 'get', sent.offsetMessageId], ({ message }) => isIt(message));
  await check('message find by key', ['message', 'find', TOPIC, '--key', 'order-1'], one);
  await check('message find by time', ['message', 'find', TOPIC, '--from', '1h'], one);
  await check('topic stats', ['topic', 'stats', TOPIC], ({ messages }) => messages === 1);

  const listed = await check('dlq list', ['dlq', 'list', GROUP], ({ letters }) => letters.length === 1);
  broken = false;
  const id = listed.letters?.[0]?.id ?? 'none:0:0';
  await check('dlq resend', ['dlq', 'resend', GROUP, id], ({ resent }) => resent === 1);
  await check('group lag', ['group', 'lag', GROUP], ({ lag, members }) => lag === 0 && members.length === 1);
  await check('group list', ['group', 'list'], ({ groups }) => groups.some(({ group }) => group === GROUP));
  for (const end = Date.now() + 60_000; handled.length === 0 && Date.now() < end;) await sleep(50);
  if (handled.includes('{"id":1}')) passed++;
  else {
    failed++;
    console.log(`FAILED  the letter came to its group again: ${handled}`);
  }
  const reset = ['group', 'reset-offset', GROUP, TOPIC, '--to', 'earliest'];
  await check('group reset-offset', reset, ({ queues }) => queues.length === 3);
  await check('topic delete', ['topic', 'delete', TOPIC], ({ deleted }) => deleted);
} finally {
  await client.shutdown(1_000);
  await cluster.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
