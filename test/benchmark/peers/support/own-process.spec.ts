import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface OwnProcess {
  output: string;
  until(condition: () => boolean, what: string, patienceMillis?: number): Promise<void>;
  pids(): number[];
  listeners: Set<(line: string) => void>;
  stop(): Promise<void>;
}

const script = pathToFileURL(join(process.cwd(), 'test/benchmark/peers/support/own-process.js')).href;
const { OwnProcess, findProgram, isRunning } = (await import(script)) as {
  OwnProcess: new (command: string, args: string[]) => OwnProcess;
  findProgram(...names: string[]): string | undefined;
  isRunning(pid: number): boolean;
};

/** Starts another that outlives it unless somebody ends both. */
const PARENT = `
  require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  setInterval(() => {}, 1000);
  console.log('ready');
`;

describe('a program of a peer', () => {
  it('is stopped together with what it started', async () => {
    const program = new OwnProcess(process.execPath, ['-e', PARENT]);
    await program.until(() => program.output.includes('ready'), 'it was ready');
    const pids = program.pids();
    expect(pids).toHaveLength(2);
    expect(pids.map(isRunning)).toEqual([true, true]);
    await program.stop();
    expect(pids.map(isRunning)).toEqual([false, false]);
    expect(program.pids()).toEqual([]);
    await program.stop();
  });

  it('says what it printed when it ends before it is ready', async () => {
    const program = new OwnProcess(process.execPath, ['-e', "console.error('no such port'); process.exit(3)"]);
    await expect(program.until(() => false, 'it was ready')).rejects.toThrow(
      /ended before it was ready:\nno such port/,
    );
  });

  it('tells lines that are whole, however they were written', async () => {
    const pieces =
      "process.stdout.write('Send TPS: 12'); setTimeout(() => process.stdout.write('345\\nnext\\nrest'), 50)";
    const program = new OwnProcess(process.execPath, ['-e', pieces]);
    const lines: string[] = [];
    program.listeners.add((line) => lines.push(line));
    await program.until(() => program.output.endsWith('rest'), 'it had said all');
    expect(lines).toEqual(['Send TPS: 12345', 'next']);
    await program.stop();
  });

  it('is waited for no longer than one has patience', async () => {
    const program = new OwnProcess(process.execPath, ['-e', PARENT]);
    await expect(program.until(() => false, 'it was ready', 50)).rejects.toThrow('50 ms passed');
    await program.stop();
  });

  it('is not there', async () => {
    expect(findProgram('no-such-program', 'node')).toMatch(/node$/);
    expect(findProgram('no-such-program')).toBeUndefined();
    const program = new OwnProcess('no-such-program', []);
    await expect(program.until(() => false, 'it was ready')).rejects.toThrow('ENOENT');
  });
});
