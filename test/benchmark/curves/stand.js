// What a curve measures on: one broker in its own process on a new store, and clients of it in this one.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessagingClient, systemPlatform, TcpConnector } from '../../../dist/client.js';
import { percentile } from '../statistics.js';

const PROCESS = fileURLToPath(new URL('./broker-process.js', import.meta.url));

/** What clients say of a broker that was killed on purpose is no news. */
const PLATFORM = systemPlatform({ logger: { log() {}, debug() {}, warn() {}, error() {} } });
const children = new Set();
const directories = new Set();
// Whatever ends this process, no broker outlives it and nothing of what was written stays.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

export class Stand {
  clients = [];
  child = undefined;
  /** `host:port`, another one after each start. */
  address = undefined;

  static async open(parent, settings = {}, flags = []) {
    const stand = new Stand();
    stand.directory = mkdtempSync(join(parent, 'nestmq-curve-'));
    directories.add(stand.directory);
    stand.settings = { listen: { host: '127.0.0.1', port: 0 }, ...settings };
    stand.flags = flags;
    await stand.start();
    return stand;
  }

  /** Starts the broker on the store; answers how long its process takes until it serves, and how long the broker alone. */
  async start() {
    const settings = { ...this.settings, store: join(this.directory, 'store') };
    const began = performance.now();
    const child = fork(PROCESS, [JSON.stringify(settings)], { execArgv: this.flags, serialization: 'advanced' });
    this.child = child;
    children.add(child);
    const { address, startMillis } = await this.next('a broker that starts');
    this.address = address;
    return { processMillis: performance.now() - began, startMillis };
  }

  async facts() {
    const answer = this.next('its facts');
    this.child.send({ ask: 'facts' });
    return (await answer).answer;
  }

  /** Ends the broker in order; answers how long it takes. */
  async stop() {
    await this.dismiss();
    const { child } = this;
    const began = performance.now();
    const left = gone(child);
    const answer = this.next('a broker that stops');
    child.send({ ask: 'stop' });
    await answer;
    const millis = performance.now() - began;
    await left;
    return millis;
  }

  /** Ends it without a word, as a crash would. Clients stay: what they send fails. */
  async kill() {
    const left = gone(this.child);
    this.child.kill('SIGKILL');
    await left;
  }

  client(name, options = {}) {
    const connector = this.connector();
    const common = { nameServers: [this.address], connector, sendTimeoutMillis: 60_000, requestTimeoutMillis: 60_000 };
    const client = new MessagingClient({ application: name, ...common, ...options }, PLATFORM);
    this.clients.push(client);
    return client.start().then(() => client);
  }

  async channel() {
    return this.connector().connect(this.address);
  }

  connector() {
    return new TcpConnector({}, PLATFORM.clock, PLATFORM.logger);
  }

  async dismiss(budgetMillis = 5000) {
    await Promise.all(this.clients.splice(0).map((client) => client.shutdown(budgetMillis)));
  }

  async close() {
    try {
      if (children.has(this.child)) await this.stop().catch(() => this.kill());
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
      directories.delete(this.directory);
    }
  }

  next(what) {
    const { child } = this;
    return new Promise((resolve, reject) => {
      const ended = (code, signal) => reject(new Error(`The broker ended with ${code ?? signal} instead of ${what}.`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        resolve(message);
      });
    });
  }
}

function gone(child) {
  return new Promise((resolve) => {
    const left = () => {
      children.delete(child);
      resolve();
    };
    if (child.exitCode !== null || child.signalCode !== null) left();
    else child.once('exit', left);
  });
}

/**
 * So many calls of `one` open at any time, until `count` have been made or `seconds` are over. Answers how many there were,
 * how long they took, and the p50 and p99 of single ones in ms.
 */
export async function load(one, { inFlight, count = Infinity, seconds = Infinity }) {
  const latencies = [];
  let made = 0;
  const began = performance.now();
  const until = began + seconds * 1000;
  const lane = async () => {
    while (made < count) {
      const index = made++;
      const before = performance.now();
      if (before >= until) {
        made--;
        return;
      }
      await one(index);
      if (index % 8 === 0) latencies.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
  const took = (performance.now() - began) / 1000;
  return { count: made, seconds: took, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

/** What passes on the clock and in the broker's processor for each of what `work` has done (`{ count }`). */
export async function costs(stand, work) {
  const before = await stand.facts();
  const began = performance.now();
  const result = await work();
  const millis = performance.now() - began;
  const after = await stand.facts();
  return {
    ...result,
    micros: (millis * 1000) / result.count,
    brokerMicros: (after.micros - before.micros) / result.count,
    rssMiB: after.rss / 1024 ** 2,
    peakMiB: after.peak / 1024 ** 2,
  };
}

/** Asked more often, the answers of the broker would be what is measured. */
const ASK_MILLIS = 50;

/** Waits for a condition, which may be asked of the broker. */
export async function until(condition, what, timeoutMillis = 120_000) {
  const end = performance.now() + timeoutMillis;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMillis / 1000} s in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, ASK_MILLIS));
  }
}
