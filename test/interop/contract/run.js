// The contract of the public API on Apache RocketMQ: `node test/interop/contract/run.js [part of a behaviour's name]`. Needs
// builds of the package and of the tests, a JDK from 17 on and Maven; what it lacks it names in lines `missing: …` and
// ends with 77, with 1 if NESTMQ_REQUIRE=all.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ApacheCluster, needRocketMQ } from '../apache/cluster.js';

const VERSION = process.env.NESTMQ_ROCKETMQ ?? '5.3.3';
const SUITE = fileURLToPath(new URL('../../../.test/test/e2e/run-apache.js', import.meta.url));
const EXIT_MISSING = 77;

/** Named in the output: what a user would have to wait minutes for. Durations that behaviours hold the broker to stay. */
const SHORTENED = {
  /** Default 1,000: timers fire on whole seconds. */
  timerPrecisionMs: 100,
  /** Default 30,000: how often open transactions are looked at. Looked at again before an answer has arrived, one is committed twice. */
  transactionCheckInterval: 3_000,
  /**
   * Default 3,000: what is committed or rolled back is noted that much later, and is open to a round until then. A tenth
   * of the rounds' interval, as by default.
   */
  transactionOpBatchInterval: 300,
  /** Default 1s 5s 10s 30s 1m … 2h: the ladder of retries takes hours. */
  messageDelayLevel: Array.from({ length: 18 }, () => '1s').join(' '),
};

if (!existsSync(SUITE)) {
  console.log('missing: a build of the tests (node scripts/build.js test)');
  process.exit(process.env.NESTMQ_REQUIRE === 'all' ? 1 : EXIT_MISSING);
}
/** Seconds by behaviour, for the order in which they begin: of those above 30 in what NESTMQ_TIMES=1 prints at the end. */
const longest = readFileSync(new URL('longest.json', import.meta.url), 'utf8');
const cluster = await ApacheCluster.start(await needRocketMQ(VERSION), ['broker-a'], SHORTENED);
let code = 1;
try {
  console.log(`RocketMQ ${VERSION} at ${cluster.nameServer}, with ${JSON.stringify(SHORTENED)}`);
  const suite = spawn(process.execPath, [SUITE, cluster.nameServer, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, NESTMQ_LONGEST: longest },
  });
  code = await new Promise((resolve) => suite.once('close', (status) => resolve(status ?? 1)));
} finally {
  await cluster.stop();
}
process.exit(code);
