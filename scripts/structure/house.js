// The house as CONTRIBUTING.md draws it. A room imports only from rooms on lower floors.

export const FLOORS = {
  platform: 0,
  protocol: 1,
  remoting: 2,
  store: 2,
  client: 3,
  broker: 3,
  nameserver: 3,
  server: 4,
  idempotency: 4,
  nest: 5,
  cli: 5,
};

/** Rooms that see time, chance, disk and network only through what is handed to them (lib/platform). */
export const SEALED_ROOMS = ['protocol', 'store', 'client', 'broker', 'nameserver'];

/** Rooms that may know the framework. */
export const NEST_ROOMS = ['nest', 'idempotency'];

/**
 * Sub-paths with an optional peer: the folder behind the entry, and the packages that only this folder names. Nothing but
 * the entry leads into the folder, so that the package loads without them. An entry may be the folder's own index: then
 * package.json exports that, and nothing in lib/ leads there. `types`: packages whose objects are handed in and which are
 * never loaded; the folder may name them in `import type` only.
 */
export const SUB_PATHS = {
  'idempotency/redis/index.ts': { folder: 'idempotency/redis', packages: [], types: ['ioredis'] },
  'idempotency/sql/drizzle/index.ts': { folder: 'idempotency/sql/drizzle', packages: ['drizzle-orm'] },
  'idempotency/sql/prisma/index.ts': { folder: 'idempotency/sql/prisma', packages: [] },
  'idempotency/sql/typeorm/index.ts': { folder: 'idempotency/sql/typeorm', packages: [], types: ['typeorm'] },
  'idempotency/sql/mysql2/index.ts': { folder: 'idempotency/sql/mysql2', packages: [], types: ['mysql2'] },
  'idempotency/sql/pg/index.ts': { folder: 'idempotency/sql/pg', packages: [], types: ['pg'] },
  'idempotency/sql/sqlite/index.ts': { folder: 'idempotency/sql/sqlite', packages: [], types: [] },
  'metrics.ts': { folder: 'nest/metrics', packages: ['prom-client'] },
  'microservices.ts': { folder: 'nest/transport', packages: ['@nestjs/microservices'] },
  'opentelemetry.ts': { folder: 'nest/opentelemetry', packages: ['@opentelemetry/api'] },
  'terminus.ts': { folder: 'nest/terminus', packages: ['@nestjs/terminus'] },
  'testing.ts': { folder: 'nest/testing', packages: ['@nestjs/testing'] },
};

export const MAX_LINES = 400;

/** Files that may block, and why. */
export const MAY_BLOCK = {
  'nest/options/application-name.ts': 'one small file, once, before anything runs',
  'platform/write-now.ts': 'small writes of a loop that no application shares, as LoopWaits allows',
};
