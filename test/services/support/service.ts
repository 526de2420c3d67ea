import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Service {
  /** With user, password and database. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Redis: its number. */
  readonly database: string;
  /** False: named by an environment variable; then it cannot be killed or restarted. */
  readonly own: boolean;
  /** Of a server of our own: its data and logs. */
  readonly folder?: string;
  /** As a crash would; the data that was on its way to the disk may be lost. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, whether it was killed or still runs; resolves when it can be asked. */
  restart(): Promise<void>;
  /** Ends a server of our own and removes its folder; drops the database on a named one. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** True: what was committed survives also a crash of the machine, at the cost of a sync each. Default: false. */
  readonly durable?: boolean;
  /** True: a server of our own even if an environment variable names one, because it is to be killed. Default: false. */
  readonly own?: boolean;
}

/** The server is neither named nor on this machine; `what` is what a runner prints behind `missing: `. */
export class MissingServiceError extends Error {
  constructor(readonly what: string) {
    super(`missing: ${what}`);
  }
}

/** Where a command stands: on the path, or where Debian puts servers, which is not on everybody's path. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a URL says about a service. */
export function read(
  url: URL,
  usualPort: number,
): Pick<Service, 'url' | 'host' | 'port' | 'user' | 'password' | 'database'> {
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port || usualPort),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
  };
}

/** `url` with another database. */
export function inside(url: URL, database: string): URL {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed;
}

/** What a named server has instead of `kill` and `restart`. */
export async function notOurs(): Promise<never> {
  throw new Error('a server that an environment variable names is not killed: start one with { own: true }');
}
