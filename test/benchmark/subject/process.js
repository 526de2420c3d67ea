// A measured process as its parent sees it: started with the counters loaded, asked over a pipe of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { between } from './counts.js';

const COUNTED = new URL('./counted.js', import.meta.url).href;
const APPLICATION = fileURLToPath(new URL('./application.js', import.meta.url));
const COMMAND_LINE = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const STOP_MILLIS = 20_000;

const running = new Set();
/** Nothing that was started here outlives this process. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function start(args, stdout) {
  const child = spawn(process.execPath, ['--import', COUNTED, ...args], {
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

class Counted {
  constructor(child, what) {
    this.child = child;
    this.what = what;
    this.died = new Promise((_, reject) => {
      child.once('exit', (code, signal) => reject(new Error(`${what} ended with ${code ?? signal}`)));
      child.once('error', reject);
    });
    this.died.catch(() => undefined);
  }

  get pid() {
    return this.child.pid;
  }

  /** What the process has asked of the machine so far, see `readCounts`. */
  async counts() {
    const answer = this.next((message) => message.counts !== undefined);
    this.child.send({ counts: true });
    return (await answer).counts;
  }

  next(wanted) {
    const { child } = this;
    let onMessage;
    const answer = new Promise((resolve) => {
      onMessage = (message) => wanted(message) && resolve(message);
      child.on('message', onMessage);
    });
    return Promise.race([answer, this.died]).finally(() => child.off('message', onMessage));
  }

  async stop() {
    if (!running.has(this.child)) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MILLIS);
    await ended;
    clearTimeout(timer);
  }
}

/** A process with a Nest application. `watched`: the processes that are read whenever it marks an end of a window. */
export class Application extends Counted {
  static async start(what = 'the application') {
    const application = new Application(start([APPLICATION], 'inherit'), what);
    await application.next((message) => message.ready === true);
    return application;
  }

  calls = 0;

  async call(call, args = {}, watched = []) {
    const id = ++this.calls;
    const marks = [];
    const onMark = ({ mark }) => {
      if (mark === true) marks.push(Promise.all(watched.map((one) => one.counts())));
    };
    this.child.on('message', onMark);
    try {
      const answer = this.next((message) => message.id === id);
      this.child.send({ call, args, id });
      const { result, failed } = await answer;
      if (failed !== undefined) throw new Error(`${this.what}, ${call}: ${failed}`);
      const read = await Promise.all(marks);
      for (const [index, window] of (result?.windows ?? []).entries())
        window.others = read[index + 1].map((counts, of) => between(read[index][of], counts));
      return result;
    } finally {
      this.child.off('message', onMark);
    }
  }

  async stop() {
    if (!running.has(this.child)) return;
    await this.call('close').catch(() => undefined);
    await super.stop();
  }
}

/** `nestmq broker` in a process of its own. */
export class Standalone extends Counted {
  static async start(directory, flags = []) {
    const args = [COMMAND_LINE, 'broker', '--store', directory, '--port', '0', '--topic', 'bench:4', ...flags];
    const child = start(args, 'pipe');
    const broker = new Standalone(child, 'nestmq broker');
    let output = '';
    const listening = new Promise((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text) => {
        output += text;
        const address = /listening on (\S+:\d+)/.exec(output)?.[1];
        if (address !== undefined) resolve(address);
      });
    });
    broker.address = await Promise.race([listening, broker.died]);
    return broker;
  }
}
