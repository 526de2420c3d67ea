import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Scratch } from './scratch.js';

const PATIENCE_MILLIS = 120_000;

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** What it prints when it can be asked. */
  readonly ready: RegExp;
  /** Ends it at once, as a crash would, with all of its processes. */
  readonly crash: NodeJS.Signals;
  /** Ends it as its administrator would, without waiting for clients. */
  readonly close: NodeJS.Signals;
}

/** A server in a folder of its own; its folder and port stay through crashes and restarts. */
export class OwnServer {
  private child: ChildProcess | undefined;
  private said = '';

  constructor(
    private readonly scratch: Scratch,
    private readonly command: ServerCommand,
  ) {}

  /** Resolves when it takes connections; rejects with what it said when it does not come to that. */
  async start(): Promise<void> {
    const { command, args, ready } = this.command;
    this.said = '';
    const child = spawn(command, args, this.scratch.surroundings);
    this.child = child;
    if (child.pid !== undefined) this.scratch.begun(child.pid);
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`${command} ${why}: ${this.said}`));
      const timer = setTimeout(() => fail(`was not ready within ${PATIENCE_MILLIS} ms`), PATIENCE_MILLIS);
      const hear = (chunk: Buffer): void => {
        this.said = (this.said + chunk.toString()).slice(-20_000);
        if (!ready.test(this.said)) return;
        clearTimeout(timer);
        resolve();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        if (child.pid !== undefined) this.scratch.ended(child.pid);
        fail(`ended with ${code ?? signal}`);
      });
    });
  }

  kill(): Promise<void> {
    return this.end(this.command.crash);
  }

  async restart(): Promise<void> {
    await this.end(this.command.close);
    await this.start();
  }

  async stop(): Promise<void> {
    await this.end(this.command.crash);
    await this.scratch.remove();
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    child.kill(signal);
    await gone;
  }
}

/** Runs what prepares a server's folder; rejects with what it said when it fails. */
export async function prepare(scratch: Scratch, command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, scratch.surroundings);
  let said = '';
  const hear = (chunk: Buffer): void => {
    said += chunk.toString();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code !== 0) throw new Error(`${command} ended with ${code ?? signal}: ${said.slice(-4_000)}`);
}
