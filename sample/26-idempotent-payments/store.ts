import { Redis } from 'ioredis';
import { type AnyIdempotencyStore, MemoryIdempotencyStore } from 'nestmq';
import { RedisIdempotencyStore } from 'nestmq/idempotency/redis';

/** The Redis of REDIS_URL, or the one on this machine. Each run has a prefix of its own, so that its invoices are new. */
export async function connectStore(prefix: string): Promise<{ store: AnyIdempotencyStore; close(): Promise<void> }> {
  if (process.argv.includes('--memory')) {
    return { store: new MemoryIdempotencyStore(), close: () => Promise.resolve() };
  }
  const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
  let connected = false;
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: (times) => (connected ? Math.min(times * 50, 500) : null),
  });
  // The listener says that its store is away, and waits for it.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    connected = true;
  } catch {
    console.error(`No Redis answers at ${new URL(url).host}. Start one:`);
    console.error('  redis-server --port 6379            or   docker run --rm -p 6379:6379 redis');
    console.error('or name one in REDIS_URL=redis://host:port, or go without: --memory');
    process.exit(1);
  }
  return {
    store: new RedisIdempotencyStore(redis, { prefix }),
    close: async () => redis.disconnect(),
  };
}
