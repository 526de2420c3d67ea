import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Enough to see why it ended. */
const LINES_KEPT = 40;

/** How a member is started. */
export interface Post {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What it prints when it is at work; members that tell by a message have none. */
  readonly readyLine?: RegExp;
}

/** One process after the other under one name: the next one starts when the last one has died. */
export class Member {
  /** Deaths that were ordered. */
  deaths = 0;
  /** That its present process has connected from. */
  readonly ports = new Set<number>();
  private child: ChildProcess | undefined;
  private readonly lines: string[] = [];
  /** Starts that failed because something else was down just then, as a supervisor of services would see them. */
  failedStarts = 0;
  private expected = false;
  private working = false;
  private told: unknown;
  private ended = false;
  private up: Promise<void>;

  constructor(
    readonly post: Post,
    private readonly onFailure: (why: string) => void,
  ) {
    this.up = this.start();
  }

  /** Resolves when the present process is at work. */
  ready(): Promise<void> {
    return this.up;
  }

  /** Told to the present process and to all that come after it. */
  tell(message: object): void {
    this.told = message;
    if (this.child?.connected) this.child.send(message, () => undefined);
  }

  /** SIGKILL: nothing of what it was about to do is done. */
  kill(): void {
    this.deaths++;
    this.expected = true;
    this.child?.kill('SIGKILL');
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.ended = true;
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  /** The last lines that it printed. */
  said(): string {
    return this.lines.map((line) => `${this.post.name}: ${line}`).join('\n');
  }

  private async start(): Promise<void> {
    const child = spawn(process.execPath, [this.post.program, ...this.post.args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    this.ports.clear();
    this.expected = false;
    this.working = false;
    child.once('exit', (code, signal) => {
      if (this.ended) return;
      if (!this.expected && !this.working) this.failedStarts++;
      else if (!this.expected) this.onFailure(`${this.post.name} ended by itself (${signal ?? code})\n${this.said()}`);
      this.up = this.start();
    });
    await new Promise<void>((resolve) => {
      child.on('message', (said: { ready?: true; port?: number }) => {
        if (said.port !== undefined) this.ports.add(said.port);
        if (said.ready === true) resolve();
      });
      for (const stream of [child.stdout!, child.stderr!]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          if (this.post.readyLine?.test(text)) resolve();
          this.lines.push(...text.trimEnd().split('\n'));
          this.lines.splice(0, this.lines.length - LINES_KEPT);
        });
      }
    });
    this.working = true;
    if (this.told !== undefined) this.tell(this.told as object);
  }
}
