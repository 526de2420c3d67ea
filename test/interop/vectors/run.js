// Golden bytes, both ways: RocketMQ's own code makes vectors that must equal the committed ones, and reads what our
// encoders make. Needs a JDK 17, Maven and the built package. With `--write` it replaces the committed vectors.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { makeOurs } from './ours.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..', '..');
const committed = join(root, 'test', 'protocol', 'vectors');
const work = mkdtempSync(join(tmpdir(), 'nestmq-vectors-'));
const writing = process.argv.includes('--write');

function run(command, args, environment = {}) {
  execFileSync(command, args, {
    cwd: here,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** Compiles the Java side and gives its class path; Maven brings RocketMQ. */
function compile() {
  const file = join(work, 'classpath.txt');
  run('mvn', ['-q', '-B', '-Dstyle.color=never', 'compile', 'dependency:build-classpath', `-Dmdep.outputFile=${file}`]);
  return [join(here, 'target', 'classes'), readFileSync(file, 'utf8').trim()].join(delimiter);
}

/** RocketMQ keeps logs and offsets in the home directory: it gets one of its own. Ids count from the month's local start. */
function java(classPath, main, ...args) {
  run('java', [`-Duser.home=${work}`, '-Duser.timezone=UTC', main, ...args], { CLASSPATH: classPath });
}

async function compareVectors(classPath) {
  java(classPath, 'nestmq.vectors.MakeVectors', work);
  const style = await prettier.resolveConfig(join(root, 'package.json'));
  const names = readdirSync(work).filter((name) => name.endsWith('.json'));
  const differing = [];
  for (const name of names) {
    const text = await prettier.format(readFileSync(join(work, name), 'utf8'), { ...style, parser: 'json' });
    const target = join(committed, name);
    if (writing) {
      writeFileSync(target, text);
    } else if (readFileSync(target, 'utf8') !== text) {
      differing.push(name);
    }
  }
  if (differing.length > 0) {
    throw new Error(`RocketMQ makes other bytes than the committed ones: ${differing.join(', ')} in ${committed}`);
  }
  console.log(`vectors: ${names.length} sets ${writing ? 'written' : 'made by RocketMQ equal the committed ones'}`);
}

async function checkOurs(classPath) {
  const file = join(work, 'ours.txt');
  writeFileSync(file, JSON.stringify(await makeOurs(join(root, process.env.NESTMQ_BUILD ?? 'dist'))));
  java(classPath, 'nestmq.vectors.CheckBytes', file, work);
}

try {
  const classPath = compile();
  await compareVectors(classPath);
  await checkOurs(classPath);
} finally {
  rmSync(work, { recursive: true, force: true });
}
