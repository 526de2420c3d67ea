import { readFile } from 'node:fs/promises';
import { UsageError } from '../failure.js';

/** @throws UsageError when the file cannot be read, or holds no JSON object. */
export async function readSettingsFile(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`The settings file ${path} cannot be read: ${(error as Error).message}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`The settings file ${path} is no JSON${place(text, message)}: ${message}`);
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content };
  throw new UsageError(`The settings file ${path} must hold an object: { "store": "/var/lib/nestmq" }`);
}

function place(text: string, message: string): string {
  const at = /at position (\d+)/.exec(message);
  if (at === null) return '';
  const before = text.slice(0, Number(at[1])).split('\n');
  return ` (line ${before.length}, column ${before.at(-1)!.length + 1})`;
}
