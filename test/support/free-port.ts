import { createServer } from 'node:net';

const FIRST = 20_000;
const COUNT = 12_000;

/**
 * A port that nothing listens on, and neither on those `besides` it, below those that the kernel gives to outgoing connections: one of these could take it
 * while its server restarts, and a client that tries to connect to such a port again and again meets itself in the end.
 */
export async function freePort(...besides: readonly number[]): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const free = await Promise.all([0, ...besides].map((distance) => isFree(port + distance)));
    if (free.every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
