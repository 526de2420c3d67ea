import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ConsumerSettings, Counts, Phase, Told } from './plan.js';

const PROGRAM = fileURLToPath(new URL('./processes/consumer.js', import.meta.url));

/** One of the two consumers, through all of its processes. */
export class Contestant {
  /** Messages of the phase with zombies whose handlers have begun in the present process. */
  readonly begun: number[] = [];
  said = '';
  private child: ChildProcess | undefined;
  private expected = false;
  private readonly past: Partial<Record<Phase, Counts>>[] = [];
  private present: Partial<Record<Phase, Counts>> = {};

  constructor(
    private readonly settings: ConsumerSettings,
    private readonly failed: (why: string) => void,
  ) {}

  get name(): string {
    return this.settings.name;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(this.settings)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    this.expected = false;
    this.begun.length = 0;
    child.on('exit', (code, signal) => {
      this.past.push(this.present);
      this.present = {};
      if (!this.expected) this.failed(`${this.name} ended by itself (${signal ?? code})\n${this.said}`);
    });
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.said = (this.said + text).slice(-4_000)));
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`${this.name} did not start\n${this.said}`)));
      child.on('message', (told: Told) => {
        if ('ready' in told) resolve();
        else if ('begun' in told) this.begun.push(told.begun);
        else this.present = told.counts;
      });
    });
  }

  /** Of all of its processes; the last moments of one that was killed are missing. */
  counts(phase: Phase): Counts {
    const sum: Counts = {};
    for (const counts of [...this.past, this.present])
      for (const [name, count] of Object.entries(counts[phase] ?? {})) sum[name] = (sum[name] ?? 0) + count;
    return sum;
  }

  send(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(signal);
  }

  /** SIGTERM: handlers at work end first. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.expected = true;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
