import { once } from 'node:events';
import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';

const TRIES = 100;

/** Listens on the loopback address only, on the port or the next free one; returns the one it got. */
export async function listenOnFreePort(app: INestApplication<Server>, first: number): Promise<number> {
  await app.init();
  const server = app.getHttpServer();
  for (let port = first; ; port++) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return port;
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || port + 1 === first + TRIES || port === 65_535) throw error;
    }
  }
}
