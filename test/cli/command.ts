import { jest } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const MAIN = join(process.cwd(), process.env['NESTMQ_TEST_ROOT'] ?? '.test', 'lib/cli/main.js');

/** Each test starts several processes, on a machine that may have no processor to spare. */
jest.setTimeout(120_000);

/** How a command ended. */
export interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  input?: string;
}

/** One run of `nestmq …` as a process of its own. */
export class CommandProcess {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  readonly child: ChildProcess;

  /** @param script What Node runs; default the command. */
  constructor(args: readonly string[], { env = {}, cwd, input }: RunOptions = {}, script: readonly string[] = [MAIN]) {
    // What this process was told must not reach the one that is tested.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('NESTMQ_'));
    this.child = spawn(process.execPath, [...script, ...args], {
      cwd,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin!.on('error', () => {}).end(input);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) =>
      this.child.on('close', (code, signal) => {
        const { stdout, stderr } = this;
        resolve({ code: code ?? signal ?? 'lost', stdout, stderr });
      }),
    );
  }

  /** Resolves with the match once stdout has it; rejects when the process ends without. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    let ended = false;
    void this.ended.then(() => (ended = true));
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      if (ended) throw new Error(`ended without ${pattern}:\n${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The address of a server that has been started; it has then opened its store. */
  async address(): Promise<string> {
    return (await this.sees(/listening on (127\.0\.0\.1:\d+)/))[1]!;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Commands and folders of one test file, all gone after `cleanUp`. */
export class Commands {
  private readonly processes: CommandProcess[] = [];
  private readonly folders: string[] = [];

  start(args: readonly string[], options?: RunOptions): CommandProcess {
    const command = new CommandProcess(args, options);
    this.processes.push(command);
    return command;
  }

  /** To its end. */
  run(args: readonly string[], options?: RunOptions): Promise<Ended> {
    return this.start(args, options).ended;
  }

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'nestmq-cli-'));
    this.folders.push(path);
    return path;
  }

  async cleanUp(): Promise<void> {
    await Promise.all(this.processes.splice(0).map((command) => command.stop('SIGKILL')));
    await Promise.all(this.folders.splice(0).map((path) => rm(path, { recursive: true, force: true })));
  }
}
