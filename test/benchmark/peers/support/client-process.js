// The client of a peer, in a process of its own as an application would be.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class ClientProcess {
  waiting = new Map();
  sequence = 0;
  errors = '';

  /** @param url the module, which calls `serve` */
  constructor(url) {
    this.child = fork(fileURLToPath(url), { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    running.add(this.child);
    this.child.stderr.setEncoding('utf8');
    this.child.stderr.on('data', (text) => (this.errors = (this.errors + text).slice(-4_000)));
    this.child.on('message', ({ id, value, error }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) resolve(value);
      else reject(new Error(error));
    });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    void this.ended.then((code) => {
      running.delete(this.child);
      for (const { reject } of this.waiting.values())
        reject(new Error(`the client ended with ${code}: ${this.errors}`));
      this.waiting.clear();
    });
  }

  get pid() {
    return this.child.pid;
  }

  ask(operation, given = {}) {
    const id = ++this.sequence;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, operation, given }, (error) => {
        if (error) reject(new Error(`the client is gone: ${this.errors}`));
      });
    });
  }

  async stop() {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
