import { jest } from '@jest/globals';
import { runCommandLine } from '../../lib/cli/command-line.js';
import type { Ended } from './command.js';

/** Runs a command in this process: for what ends before anything starts. Paths are relative to the project. */
export async function runInside(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    jest.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += String(text);
      return true;
    }),
  );
  const before = process.env;
  process.env = { ...env };
  try {
    const code = await runCommandLine(args);
    return { code, ...written };
  } finally {
    process.env = before;
    for (const spy of spies) spy.mockRestore();
  }
}
