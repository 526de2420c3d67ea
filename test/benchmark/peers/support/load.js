// The three loads that a client process puts on its peer; the same for each peer.
import { setTimeout as sleep } from 'node:timers/promises';
import { dueAfter } from '../../rhythm.js';
import { processorMicros } from './processor.js';

/** Counts between two moments, with the processor time that passes between them. */
export class Window {
  constructor(serverPids, count) {
    this.serverPids = serverPids;
    this.count = count;
    this.at = performance.now();
    this.client = process.cpuUsage();
    this.server = processorMicros(serverPids);
  }

  /** @returns Measured */
  close(count) {
    const seconds = (performance.now() - this.at) / 1000;
    const client = process.cpuUsage(this.client);
    const counted = count - this.count;
    return {
      perSecond: counted / seconds,
      count: counted,
      seconds,
      clientMicros: (client.user + client.system) / counted,
      serverMicros: (processorMicros(this.serverPids) - this.server) / counted,
    };
  }
}

/**
 * Keeps `inFlight` sends open. What is still open at the end is waited for, outside of the windows.
 * @param submit `(index, done) => void`: sends one message, calls `done(error)` when it is acknowledged
 * @returns `measured` of each window, which lie back to back, and how many were sent in all
 */
export async function measureSend(submit, { seconds, warmUpSeconds, windows = 1, inFlight }, serverPids) {
  const lanes = new Lanes(submit, inFlight);
  lanes.start();
  await Promise.race([sleep(warmUpSeconds * 1000), lanes.failed]);
  const measured = [];
  while (measured.length < windows) {
    const window = new Window(serverPids, lanes.done);
    await Promise.race([sleep(seconds * 1000), lanes.failed]);
    measured.push(window.close(lanes.done));
  }
  await lanes.stop();
  return { measured, sent: lanes.done };
}

/** Sends so many, `inFlight` at a time. */
export async function fill(submit, count, inFlight) {
  const lanes = new Lanes(submit, inFlight, count);
  lanes.start();
  await lanes.stop();
  return lanes.done;
}

class Lanes {
  submitted = 0;
  done = 0;
  open = 0;
  ending = false;

  constructor(submit, inFlight, limit = Infinity) {
    this.submit = submit;
    this.inFlight = inFlight;
    this.limit = limit;
    this.failed = new Promise((_, reject) => (this.fail = reject));
    this.failed.catch(() => {});
    this.idle = new Promise((resolve) => (this.becomesIdle = resolve));
    this.acknowledged = (error) => {
      if (error) {
        this.fail(error);
        return;
      }
      this.done += 1;
      this.open -= 1;
      this.next();
      if (this.open === 0) this.becomesIdle();
    };
  }

  start() {
    for (let lane = 0; lane < this.inFlight; lane++) this.next();
    if (this.open === 0) this.becomesIdle();
  }

  next() {
    if ((this.ending && this.limit === Infinity) || this.submitted >= this.limit) return;
    this.open += 1;
    this.submit(this.submitted++, this.acknowledged);
  }

  async stop() {
    this.ending = true;
    await Promise.race([this.idle, this.failed]);
  }
}

/** A window that has ended early because nothing was left counts when it had this part of its time, or is the only one. */
const ENOUGH = 0.5;

/**
 * Works off a backlog; begins to count after the warm-up and ends when the time is over or little is left.
 * @param begin `(onMessages) => Promise<end>`: receives and acknowledges, telling how many; `end` stops it
 * @param backlog how many are there
 * @returns `measured` of each window, which lie back to back, and how many were received in all
 */
export async function measureReceive(begin, { seconds, warmUpSeconds, windows = 1 }, backlog, serverPids) {
  let received = 0;
  let fail;
  const failed = new Promise((_, reject) => (fail = reject));
  failed.catch(() => {});
  const end = await begin((count) => (received += count), fail);
  const until = async (deadline, count) => {
    while (performance.now() < deadline && received < count) await Promise.race([sleep(2), failed]);
  };
  // A backlog that is smaller than it should be is measured to its end all the same.
  await until(performance.now() + warmUpSeconds * 1000, backlog * 0.2);
  const measured = [];
  while (measured.length < windows && received < backlog) {
    const window = new Window(serverPids, received);
    await until(performance.now() + seconds * 1000, backlog);
    const closed = window.close(received);
    if (measured.length === 0 || closed.seconds >= seconds * ENOUGH) measured.push(closed);
  }
  await end();
  return { measured, received };
}

/**
 * Sends at a steady rate, whatever is answered, and takes the time from the send of each message to its arrival.
 * @param begin as above, but it tells the moment that a message carries
 * @param submit `(sentAt, done) => void`
 * @returns Latency of each window, which lie back to back: a message belongs to the one in which it was sent
 */
export async function measureLatency(begin, submit, spec) {
  const { seconds, warmUpSeconds, windows = 1, ratePerSecond = 1000, warmUpPerSecond } = spec;
  const rhythm = { ratePerSecond, warmUpPerSecond, warmUpSeconds };
  const samples = Array.from({ length: windows }, () => []);
  const begins = [];
  let received = 0;
  let sent = 0;
  let fail;
  const failed = new Promise((_, reject) => (fail = reject));
  failed.catch(() => {});
  const end = await begin((sentAt) => {
    received += 1;
    const now = performance.now();
    let window = begins.length - 1;
    while (window >= 0 && sentAt < begins[window]) window -= 1;
    if (window >= 0) samples[window].push(now - sentAt);
  }, fail);
  const acknowledged = (error) => error && fail(error);
  const started = performance.now();
  const total = dueAfter(seconds * windows + warmUpSeconds, rhythm);
  while (sent < total) {
    const due = Math.min(total, dueAfter((performance.now() - started) / 1000, rhythm));
    for (; sent < due; sent++) {
      const now = performance.now();
      const next = dueAfter(warmUpSeconds + begins.length * seconds, rhythm);
      if (sent === next && begins.length < windows) begins.push(now);
      submit(now, acknowledged);
    }
    await Promise.race([sleep(1), failed]);
  }
  const patience = performance.now() + 10_000;
  while (received < sent && performance.now() < patience) await Promise.race([sleep(5), failed]);
  await end();
  if (received < sent) throw new Error(`${sent - received} of ${sent} messages did not arrive within 10 s`);
  return samples.map((window) => {
    window.sort((a, b) => a - b);
    const at = (share) => window[Math.min(window.length - 1, Math.floor(window.length * share))];
    return { p50: at(0.5), p99: at(0.99), max: window.at(-1), count: window.length };
  });
}
