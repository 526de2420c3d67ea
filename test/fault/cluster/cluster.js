// NameServers and brokers, each a process of its own that can be killed and started again at the same address.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.js';

export async function until(condition, withinMillis, what) {
  const deadline = performance.now() + withinMillis;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMillis} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

class Member {
  constructor(lib, kind, settings) {
    this.start = async () => {
      const child = fork(new URL('./process.js', import.meta.url), [lib, kind, JSON.stringify(settings)]);
      this.child = child;
      this.gone = once(child, 'exit');
      const ended = this.gone.then(([code]) => Promise.reject(new Error(`a ${kind} ended with ${code} at its start`)));
      const [{ ready }] = await Promise.race([once(child, 'message'), ended]);
      ended.catch(() => undefined);
      this.address = ready;
      return this;
    };
  }

  get isRunning() {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.gone;
  }

  async stop() {
    this.child.send('stop');
    await this.gone;
  }
}

export class Cluster {
  folder = mkdtempSync(join(tmpdir(), 'nestmq-cluster-'));
  nameServers = [];
  brokers = new Map();

  constructor(lib) {
    this.lib = lib;
  }

  /** `addresses`: where NameServers are, or will be. */
  get addresses() {
    return this.nameServers.map(({ address }) => address);
  }

  /** @param running Which of them run from the start. */
  async startNameServers(...running) {
    for (const runs of running) {
      const port = await freePort();
      const member = new Member(this.lib, 'namesrv', { listen: port, store: join(this.folder, `namesrv-${port}`) });
      member.address = `127.0.0.1:${port}`;
      this.nameServers.push(member);
      if (runs) await member.start();
    }
  }

  async startBrokers(names, topics) {
    for (const name of names) {
      const store = join(this.folder, name);
      const nameServer = this.addresses.join(';');
      const settings = { name, store, nameServer, listen: await freePort(), segmentBytes: 16 * 1024 * 1024, topics };
      this.brokers.set(name, new Member(this.lib, 'broker', settings));
    }
    await Promise.all([...this.brokers.values()].map((broker) => broker.start()));
  }

  async end() {
    const running = [...this.brokers.values(), ...this.nameServers].filter(({ isRunning }) => isRunning);
    await Promise.all(running.map((member) => member.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
