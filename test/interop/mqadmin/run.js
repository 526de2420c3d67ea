// RocketMQ's mqadmin against our broker: `node test/interop/mqadmin/run.js`. Needs a build of the package, a JDK from 17 on
// and Maven; what it lacks it names in lines `missing: …` and ends with 77, with 1 if NESTMQ_REQUIRE=all.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, conclude, EXIT_MISSING, isIncomplete, REQUIRED } from '../java/checks.js';
import { loadPackage } from '../java/nestmq.js';
import { eventually, killAll, start, until } from '../java/processes.js';
import { runCommands } from './commands.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const MEMORY = ['-Xms64m', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

/** The class path of the tools, or undefined with the reason printed. */
async function compile() {
  const maven = start('mvn', ['-q', '-B', 'package', 'dependency:copy-dependencies'], { cwd: HERE });
  const { code } = await maven.ended;
  if (code === 0)
    return [join(HERE, 'target', 'mqadmin-1.jar'), join(HERE, 'target', 'dependency', '*')].join(delimiter);
  console.log(`Maven could not fetch the tools: ${maven.lines.flat().slice(0, 6).join('\n')}${maven.errors}`);
  return undefined;
}

/** mqadmin in a JVM of its own: `run` gives what a command printed. */
function startTools(classPath, home, address) {
  const places = [`-Duser.home=${home}`, `-Drocketmq.client.logRoot=${home}`, '-Duser.timezone=UTC'];
  // Reports of consumers are files in the working directory.
  const child = start('java', [...MEMORY, ...places, '-cp', classPath, 'mqadmin.Driver', address], { cwd: home });
  let asked = 0;
  return {
    async run(...words) {
      const mine = ++asked;
      child.stdin.write(`${words.join('\t')}\n`);
      if (!(await until(child, (lines) => lines.length >= mine)))
        throw new Error(`mqadmin ${words.join(' ')} gave no answer: ${child.errors}`);
      return Buffer.from(child.lines[mine - 1][0], 'base64').toString();
    },
    async stop() {
      child.stdin.end();
      await child.ended;
    },
  };
}

async function main() {
  if (await isIncomplete()) return REQUIRED ? 1 : EXIT_MISSING;
  const nestmq = await loadPackage();
  const classPath = await compile();
  if (classPath === undefined) {
    if (REQUIRED) return 1;
    console.log('missing: the tools of RocketMQ, which Maven could not fetch');
    return EXIT_MISSING;
  }
  const home = await mkdtemp(join(tmpdir(), 'nestmq-mqadmin-'));
  const host = await nestmq.startBroker({
    store: join(home, 'store'),
    listen: 0,
    name: 'broker-a',
    topics: [{ name: 'Orders', queues: 2 }],
  });
  const tools = startTools(classPath, home, host.address);
  try {
    await runCommands({ nestmq, host, home, tools, check, eventually });
  } finally {
    await tools.stop();
    await host.stop();
    await rm(home, { recursive: true, force: true });
  }
  return conclude();
}

let code = 1;
try {
  code = await main();
} finally {
  killAll();
}
process.exit(code);
