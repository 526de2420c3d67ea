// Child processes that talk in lines of tab-separated columns.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** For everything that a client has to be done with; far above what it takes. */
export const PATIENCE_MILLIS = 120_000;

const started = new Set();

/** What is still running ends now. */
export function killAll() {
  for (const child of started) child.kill('SIGKILL');
}

export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  started.add(child);
  child.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: -1, error }));
    child.once('close', (code) => resolve({ code }));
  }).finally(() => started.delete(child));
  child.stdin.on('error', () => {});
  child.lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    child.lines.push(line.split('\t'));
    child.emit('line');
  });
  child.errors = '';
  child.stderr.on('data', (data) => (child.errors += data));
  return child;
}

/** A Java program. The client writes its own logs and positions below `home`; unless it is patient it looks at its queues every second. */
export function java({ classPath, home, options = [], patient = false }, main, ...args) {
  const quick = patient ? [] : ['-Drocketmq.client.rebalance.waitInterval=1000'];
  const memory = ['-Xms64m', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const places = [`-Duser.home=${home}`, `-Drocketmq.client.logRoot=${home}`];
  return start('java', [...memory, ...places, ...quick, ...options, '-cp', classPath, `interop.${main}`, ...args]);
}

/** Resolves with true once the lines of the child fulfil the condition, with false when it ends or takes too long. */
export async function until(child, condition, deadline = Date.now() + PATIENCE_MILLIS) {
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

/** Polls until the value is one; undefined when it takes too long. */
export async function eventually(find, millis = PATIENCE_MILLIS) {
  const deadline = Date.now() + millis;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
