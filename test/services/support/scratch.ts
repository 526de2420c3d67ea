import { type ChildProcess, type SpawnOptionsWithStdioTuple, execFileSync, spawn } from 'node:child_process';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Whom a server runs as: databases refuse root, and what root may read may be closed to this user. */
interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const id = (what: string): number => Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * A folder and the servers in it, gone when this process is, however it ends: a second process waits for that and ends the
 * servers that were reported to it.
 */
export class Scratch {
  private readonly janitor: ChildProcess;

  private constructor(
    readonly folder: string,
    private readonly user: ServerUser,
  ) {
    const file = fileURLToPath(new URL('janitor.js', import.meta.url));
    // Its own session, so that a Ctrl-C of the terminal does not end it before its work.
    this.janitor = spawn(process.execPath, [file, folder], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] });
    this.janitor.unref();
    (this.janitor.stdin as unknown as { unref(): void }).unref();
  }

  static async create(name: string): Promise<Scratch> {
    const scratch = new Scratch(await mkdtemp(join(tmpdir(), `nestmq-${name}-`)), serverUser());
    await scratch.give(scratch.folder);
    return scratch;
  }

  /** A file that only the server's user can read. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, text, { mode: 0o600 });
    await this.give(path);
    return path;
  }

  /** How a program of the server is started. */
  get surroundings(): SpawnOptionsWithStdioTuple<'ignore', 'pipe', 'pipe'> {
    return {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: this.folder, TMPDIR: this.folder, LC_ALL: 'C' },
      ...this.user,
    };
  }

  begun(pid: number): void {
    this.janitor.stdin?.write(`+${pid}\n`);
  }

  ended(pid: number): void {
    this.janitor.stdin?.write(`-${pid}\n`);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    const gone = new Promise((resolve) => this.janitor.once('close', resolve));
    this.janitor.ref();
    this.janitor.stdin?.end();
    await gone;
  }

  private async give(path: string): Promise<void> {
    if (this.user.uid !== undefined && this.user.gid !== undefined) await chown(path, this.user.uid, this.user.gid);
  }
}
