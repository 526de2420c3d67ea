// A program that a peer consists of: started on loopback, stopped by its process ids.
import { spawn } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const KEPT_OUTPUT = 200_000;
/** For the last words of a program that has ended; one that it started may keep the pipes open. */
const LAST_WORDS_MILLIS = 2_000;
const running = new Set();
/** A benchmark that ends early, by an error or a signal that it turns into an end, leaves no server behind. */
process.on('exit', () => {
  for (const own of running) own.killNow();
});

/** Where the program is, or undefined. Debian keeps some servers where only root looks. */
export function findProgram(...names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const name of names) {
    for (const path of name.includes('/') ? [name] : folders.map((folder) => join(folder, name))) {
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

export class OwnProcess {
  output = '';

  constructor(command, args, { env, cwd } = {}) {
    this.command = command;
    this.child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    /** Each is told every line, once it is whole. */
    this.listeners = new Set();
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8');
      let begun = '';
      stream.on('data', (text) => {
        const lines = (begun + text).split('\n');
        // Java writes a line in pieces.
        begun = lines.pop();
        this.said(text, lines);
      });
    }
    // A program may have ended before all that it said has come through the pipes.
    this.heard = new Promise((resolve) => this.child.once('close', resolve));
    this.ended = new Promise((resolve) => {
      this.child.once('error', ({ message }) => this.said(`${message}\n`, [message]));
      this.child.once('error', () => resolve(-1));
      this.child.once('exit', (code, signal) => resolve(code ?? signal));
    });
    void this.ended.then(() => {
      this.over = true;
      running.delete(this);
    });
  }

  said(text, lines) {
    this.output = (this.output + text).slice(-KEPT_OUTPUT);
    for (const line of lines) for (const listener of this.listeners) listener(line);
  }

  /** Resolves once `condition` holds; rejects with the last output when the program ends or takes too long. */
  async until(condition, what, patienceMillis = 60_000) {
    const end = Date.now() + patienceMillis;
    while (!(await condition())) {
      if (this.over || Date.now() > end) {
        if (this.over) await Promise.race([this.heard, sleep(LAST_WORDS_MILLIS)]);
        const why = this.over ? 'it ended' : `${patienceMillis} ms passed`;
        throw new Error(`${this.command}: ${why} before ${what}:\n${this.output.slice(-4_000)}`);
      }
      await sleep(20);
    }
  }

  /** The program and what it started, children first. */
  pids() {
    return this.over || this.child.pid === undefined ? [] : [...descendants(this.child.pid), this.child.pid];
  }

  killNow(signal = 'SIGKILL') {
    for (const pid of this.pids()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  /** What it stored is thrown away, so that nothing is waited for. */
  async stop() {
    const pids = this.pids();
    this.killNow();
    await this.ended;
    const end = Date.now() + 10_000;
    while (pids.some(isRunning)) {
      if (Date.now() > end) throw new Error(`${this.command}: ${pids.filter(isRunning).join(', ')} cannot be stopped`);
      await sleep(10);
    }
  }
}

/** A process that nobody waits for stays in the table as a zombie: it does not run. */
export function isRunning(pid) {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function descendants(pid) {
  const found = [];
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean);
      for (const child of children.map(Number)) found.push(...descendants(child), child);
    }
  } catch {
    // It has ended meanwhile.
  }
  return found;
}
