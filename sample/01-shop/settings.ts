import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = fileURLToPath(new URL('../../01-shop/', import.meta.url)); // the source folder, seen from the compiled one

export const USAGE = `npm start -- [flags]
  --once       replay, print the report, check it, end (exit code 0: it matches the CSV)
  --fresh      forget what an earlier run has stored
  --times N    replay the day N times, each time a day later (default 1)
  --csv FILE   another day to replay
  --data DIR   where to store (default sample/01-shop/.nestmq)
  PORT=N       the port to listen on (default 3000; the next free one if it is taken)`;

/** What the shop was told on the command line, and where its files are. */
export class ShopSettings {
  /** Each day file has its own folder: another CSV is another day, not a continuation. */
  readonly folder: string;
  readonly csvText: string;
  readonly checkScript = join(HERE, 'check.js');

  constructor(
    readonly csv: string,
    data: string,
    readonly times: number,
    readonly once: boolean,
    readonly fresh: boolean,
    readonly port: number,
  ) {
    this.csvText = readFileSync(csv, 'utf8');
    this.folder = join(data, `day-${createHash('sha256').update(this.csvText).digest('hex').slice(0, 12)}`);
  }

  /** Throws an error that says what to write instead. */
  static parse(args: string[], env: NodeJS.ProcessEnv): ShopSettings {
    const { values } = parseArgs({
      args,
      options: {
        once: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        times: { type: 'string', default: '1' },
        csv: { type: 'string', default: join(HERE, 'data/online-retail-2010-12-01.csv') },
        data: { type: 'string', default: join(HERE, '.nestmq') },
      },
    });
    const times = wholeNumber('--times', values.times, 1, 10_000);
    const port = wholeNumber('PORT', env.PORT ?? '3000', 1, 65_535);
    return new ShopSettings(resolve(values.csv), resolve(values.data), times, values.once, values.fresh, port);
  }

  path(name: string): string {
    return join(this.folder, name);
  }
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most)) throw new Error(`${name} must be a whole number from ${least} to ${most}`);
  return value;
}
