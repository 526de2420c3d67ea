import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A process that is there to be killed: a sample, started once more as `--worker`. What it prints is handed over line by line. */
export class Victim {
  private readonly child: ChildProcess;

  constructor(folder: string, flags: readonly string[], heard: (line: string) => void) {
    this.child = spawn(process.execPath, [process.argv[1]!, '--worker', ...flags], {
      cwd: folder,
      // The last one tells it that its parent is gone.
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    createInterface({ input: this.child.stdout! }).on('line', heard);
  }

  /** Resolves when it has ended; with whether it ended well. */
  get gone(): Promise<boolean> {
    const { child } = this;
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve();
    return ended.then(() => child.exitCode === 0);
  }

  /** As a power cut would: it gets no chance to finish anything. */
  kill(): Promise<boolean> {
    this.child.kill('SIGKILL');
    return this.gone;
  }
}

/** In the process itself: ends with the one that has started it. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit());
}
