// Several processes on one store, and the record of what they have done.
import { fork } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export async function until(condition, withinMillis, what) {
  const deadline = performance.now() + withinMillis;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMillis} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One started process. */
class Worker {
  errors = [];
  answers = new Map();
  nextId = 0;

  constructor(args, clustered, logs) {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'];
    const program = fileURLToPath(new URL('./process.js', import.meta.url));
    if (clustered) {
      cluster.setupPrimary({ exec: program, args, stdio });
      this.child = cluster.fork().process;
    } else this.child = fork(program, args, { stdio });
    this.gone = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }));
    this.ready = new Promise((resolve, reject) => {
      this.child.on('message', (message) => {
        if (message.ready !== undefined) resolve(message);
        else if (message.failed !== undefined) reject(Object.assign(new Error(message.text), { code: message.failed }));
        else if (message.level === 'error') this.errors.push(message.text);
        else if (message.level === 'log') logs.push(`${Date.now()} ${this.pid} ${message.text}`);
        else this.answers.get(message.id)?.(message.answer);
      });
      this.gone.then((how) => reject(new Error(`it ended before it was ready: ${JSON.stringify(how)}`)));
    });
    this.ready.catch(() => undefined);
  }

  get pid() {
    return this.child.pid;
  }

  /** What `sharing()` says there; `what` may also be `send` or `rest`. */
  ask(what = 'status') {
    const id = (this.nextId += 1);
    return new Promise((resolve) => {
      this.answers.set(id, resolve);
      this.child.send({ ask: what, id });
    });
  }

  kill(signal) {
    this.child.kill(signal);
    return this.gone;
  }
}

export class Machine {
  workers = [];
  /** What all of them have said. */
  logs = [];

  /**
   * @param pathLength Of the store's path; 0 for a short one.
   * @param clustered Whether the processes are workers of node:cluster.
   */
  constructor(lib, pathLength = 0, clustered = false) {
    this.lib = lib;
    this.clustered = clustered;
    this.folder = mkdtempSync(join(tmpdir(), 'nestmq-sharing-'));
    this.store = join(this.folder, 'store').padEnd(pathLength, '-a-long-name');
    this.record = join(this.folder, 'record.txt');
  }

  async start() {
    const worker = new Worker([this.lib, this.store, this.record], this.clustered, this.logs);
    this.workers.push(worker);
    await worker.ready;
    return worker;
  }

  /** The one that says it hosts; there must never be two. Undefined between two hosts. */
  async host() {
    const answers = await Promise.all(this.workers.map(async (worker) => [worker, await worker.ask()]));
    const hosts = answers.filter(([, { role }]) => role === 'host').map(([worker]) => worker);
    if (hosts.length > 1)
      throw new Error(`${hosts.length} processes say that they host: ${hosts.map(({ pid }) => pid)}`);
    return hosts[0];
  }

  /** Lets it end and takes it off the list. */
  async end(worker, signal) {
    this.workers = this.workers.filter((other) => other !== worker);
    return worker.kill(signal);
  }

  lines() {
    let text = '';
    try {
      text = readFileSync(this.record, 'utf8');
    } catch {
      // Nothing has happened yet.
    }
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' '));
  }

  /** Milliseconds from `since` (wall time) until a send that was called later was acknowledged. */
  async firstAcknowledgement(since, withinMillis) {
    const line = await until(
      () => this.lines().find(([what, , , calledAt]) => what === 'a' && Number(calledAt) > since),
      withinMillis,
      'an acknowledgement after the host has gone',
    );
    return Number(line[4]) - since;
  }

  /** What is acknowledged and was in no handler yet. */
  unhandled() {
    const left = new Set();
    for (const [what, key, number] of this.lines()) if (what === 'a') left.add(`${key} ${number}`);
    for (const [what, key, number] of this.lines()) if (what === 'h') left.delete(`${key} ${number}`);
    return left;
  }

  /** Whether all of these were in a handler. */
  handled(messages) {
    const left = this.unhandled();
    return [...messages].every((message) => !left.has(message));
  }

  /** Ends the load, waits until all is handled, and judges the record. */
  async judge(drainMillis) {
    await Promise.all(this.workers.map((worker) => worker.ask('rest')));
    await until(() => this.unhandled().size === 0, drainMillis, 'handling everything').catch(() => undefined);
    return {
      acknowledged: this.lines().filter(([what]) => what === 'a').length,
      failed: this.lines().filter(([what]) => what === 'f').length,
      lost: this.unhandled().size,
      disordered: countDisordered(this.lines()),
    };
  }

  async stop() {
    for (const worker of this.workers) worker.kill('SIGKILL');
    await Promise.all(this.workers.map(({ gone }) => gone));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * How often a message of a key was handled for the first time after a later one of that key: nothing may be overtaken.
 * What comes again after a death does not count, as long as it had its turn before.
 */
export function countDisordered(lines) {
  const last = new Map();
  const seen = new Set();
  let disordered = 0;
  for (const [what, key, text] of lines) {
    if (what !== 'h' || !key.startsWith('o-') || seen.has(`${key} ${text}`)) continue;
    seen.add(`${key} ${text}`);
    const number = Number(text);
    if (number < (last.get(key) ?? -1)) disordered += 1;
    else last.set(key, number);
  }
  return disordered;
}
