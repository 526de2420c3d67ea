import { createServer } from 'node:net';

const FIRST = 20_000;
/** Workers of one run each have ports of their own: what one of them is about to listen on is not taken by another. */
const WORKERS = 8;
const COUNT = 1500;
const OWN = FIRST + COUNT * ((process.ppid + Number(process.env['JEST_WORKER_ID'] ?? 0)) % WORKERS);
/** Whoever asks for several gets different ones, although none of them is taken yet. */
const given = new Set<number>();

/**
 * A port that nothing listens on, and neither on those `besides` it, below those that the kernel gives to outgoing connections: one of these could take it
 * while its server restarts, and a client that tries to connect to such a port again and again meets itself in the end.
 */
export async function freePort(...besides: readonly number[]): Promise<number> {
  for (;;) {
    const port = OWN + Math.floor(Math.random() * (COUNT - Math.max(0, ...besides)));
    const ports = [0, ...besides].map((distance) => port + distance);
    if (ports.some((one) => given.has(one))) continue;
    for (const one of ports) given.add(one);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
