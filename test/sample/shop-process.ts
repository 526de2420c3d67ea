import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const CSV = join(process.cwd(), 'sample/01-shop/data/online-retail-2010-12-01.csv');

interface ShopOptions {
  main?: string;
  env?: NodeJS.ProcessEnv;
  /** It dies by SIGKILL once it has printed this: whoever read it first and killed it then could come too late. */
  dies?: RegExp;
}

/** Arguments of Node. */
function dyingAt(pattern: RegExp): string[] {
  const code = `const { stdout } = process;
    const write = stdout.write.bind(stdout);
    stdout.write = (text, ...rest) => {
      const written = write(text, ...rest);
      if (${String(pattern)}.test(text)) process.kill(process.pid, 'SIGKILL');
      return written;
    };`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

/** One run of the compiled sample, as `npm start` runs it, with its own folder for what it stores. */
export class ShopProcess {
  output = '';
  readonly ended: Promise<number | string>;
  private readonly child: ChildProcess;

  constructor(args: string[], { main = 'sample/dist/01-shop/main.js', env = {}, dies }: ShopOptions = {}) {
    this.child = spawn(process.execPath, [...(dies === undefined ? [] : dyingAt(dies)), main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.ended = new Promise((resolve) => this.child.on('close', (code, signal) => resolve(code ?? signal ?? 'lost')));
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves with the match once the output has it; rejects with the output when the process ends without. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    let ended = false;
    void this.ended.then(() => (ended = true));
    for (;;) {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (ended) throw new Error(`the shop ended without ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** What the sample printed under "Report", without the figure that depends on the machine. */
export function reportIn(output: string): string {
  const report = /^Report[^]*?(?=^Check)/m.exec(output);
  if (!report) throw new Error(`no report in:\n${output}`);
  return report[0];
}

const folders: string[] = [];

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shop-'));
  folders.push(folder);
  return folder;
}

export async function removeTemporaryFolders(): Promise<void> {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}

/** A copy of the compiled sample with one piece of its code exchanged; returns the file to run. */
export async function brokenShop(file: string, changes: [from: string, to: string][]): Promise<string> {
  // Inside the project, because the sample imports the package by its name.
  await mkdir('.test', { recursive: true });
  const folder = await mkdtemp(join(process.cwd(), '.test', 'broken-shop-'));
  folders.push(folder);
  await cp('sample/dist', join(folder, 'dist'), { recursive: true });
  await cp('sample/01-shop/data', join(folder, '01-shop/data'), { recursive: true });
  await cp('sample/01-shop/check.js', join(folder, '01-shop/check.js'));
  const path = join(folder, 'dist/01-shop', file);
  let text = await readFile(path, 'utf8');
  for (const [from, to] of changes) {
    if (text.split(from).length !== 2) throw new Error(`${file} does not have exactly one "${from}"`);
    text = text.replace(from, () => to);
  }
  await writeFile(path, text);
  return join(folder, 'dist/01-shop/main.js');
}
