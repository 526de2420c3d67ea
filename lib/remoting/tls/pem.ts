import { readFile } from 'node:fs/promises';
import { MessagingError } from '../../protocol/index.js';

const PEM = /-----BEGIN [A-Z ]+-----/;

/**
 * The PEM text that a setting means: itself, or what is in the file that it names. Read anew each time, so that a renewed
 * certificate counts without a restart.
 * @throws MessagingError CONFIGURATION naming the setting; never what is in the file.
 */
export async function readPem(setting: string, value: string): Promise<string> {
  if (PEM.test(value)) return value;
  let text: string;
  try {
    text = await readFile(value, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const file = code === 'ENAMETOOLONG' || value.includes('\n') ? 'which is no PEM text either' : value;
    throw new MessagingError(
      'CONFIGURATION',
      `${setting} names a file that cannot be read (${code ?? 'unknown error'}): ${file}. Give its path, or the PEM text itself.`,
    );
  }
  if (PEM.test(text)) return text;
  throw new MessagingError(
    'CONFIGURATION',
    `${setting}: there is no PEM in the file ${value}. Convert it with openssl.`,
  );
}

/** @throws MessagingError CONFIGURATION as `readPem` does. */
export async function readOptionalPem(setting: string, value: string | undefined): Promise<string | undefined> {
  return value === undefined ? undefined : readPem(setting, value);
}
