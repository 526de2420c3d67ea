import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { freePort } from '../../support/free-port.js';
import { OwnServer, prepare } from './own-server.js';
import { Scratch } from './scratch.js';
import {
  MissingServiceError,
  type Service,
  type ServiceOptions,
  findCommand,
  inside,
  notOurs,
  read,
} from './service.js';

/**
 * The server of NESTMQ_MARIADB_URL (which may be a MySQL), or mariadbd from the path. A commit survives `kill` in any case;
 * with `durable` it is synced as well.
 */
export async function startMariaDb({ durable = false, own = false }: ServiceOptions = {}): Promise<Service> {
  const named = process.env.NESTMQ_MARIADB_URL;
  if (named !== undefined && !own) return useNamed(new URL(named));
  const [command, install] = [findCommand('mariadbd'), findCommand('mariadb-install-db')];
  if (command === undefined || install === undefined) throw new MissingServiceError('mariadbd');

  const scratch = await Scratch.create('mariadb');
  const { folder } = scratch;
  const data = join(folder, 'data');
  // The log's default size of 96 MB would be written anew for every server.
  const engine = ['--innodb-log-file-size=8M', '--innodb-flush-log-at-trx-commit=0'];
  await prepare(scratch, install, [
    ...['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal'],
    ...['--skip-test-db', '--skip-name-resolve', ...engine],
  ]);
  const [port, password] = [await freePort(), randomBytes(12).toString('hex')];
  // Each statement on one line: the server reads this file so. It is read at every start.
  const statements = [
    'CREATE DATABASE IF NOT EXISTS nestmq CHARACTER SET utf8mb4',
    `CREATE USER IF NOT EXISTS 'nestmq'@'%' IDENTIFIED BY '${password}'`,
    `GRANT ALL ON *.* TO 'nestmq'@'%'`,
    `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}'`,
  ];
  const init = await scratch.write('init.sql', statements.map((statement) => `${statement};\n`).join(''));
  const server = new OwnServer(scratch, {
    command,
    args: [
      ...['--no-defaults', `--datadir=${data}`, `--init-file=${init}`, '--skip-name-resolve', '--skip-log-bin'],
      ...['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(folder, 'socket')}`, `--tmpdir=${folder}`],
      ...[`--pid-file=${join(folder, 'pid')}`, '--innodb-log-file-size=8M', '--max-connections=200'],
      // 2: written with each commit, synced once a second.
      `--innodb-flush-log-at-trx-commit=${durable ? 1 : 2}`,
    ],
    ready: /ready for connections/,
    crash: 'SIGKILL',
    close: 'SIGTERM',
  });
  await server.start();
  return {
    ...read(new URL(`mysql://nestmq:${password}@127.0.0.1:${port}/nestmq`), 3306),
    own: true,
    folder: scratch.folder,
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop: () => server.stop(),
  };
}

async function useNamed(url: URL): Promise<Service> {
  const database = `nestmq_test_${randomBytes(6).toString('hex')}`;
  const ask = async (statement: string): Promise<void> => {
    const client = await mysql.createConnection(url.href);
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await ask(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  const place = inside(url, database);
  return {
    ...read(place, 3306),
    own: false,
    kill: notOurs,
    restart: notOurs,
    stop: () => ask(`DROP DATABASE ${database}`),
  };
}
