import { once } from 'node:events';
import { type AddressInfo, type Server, connect, createServer } from 'node:net';

/** Stands between a client and its server, and cuts the connection instead of passing on a reply when it is told to. */
export class ReplyCutter {
  private armed = false;
  cuts = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(to: { host: string; port: number }): Promise<ReplyCutter> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const cutter = new ReplyCutter(server, (server.address() as AddressInfo).port);
    server.on('connection', (client) => {
      const upstream = connect(to);
      client.pipe(upstream);
      upstream.on('data', (reply) => {
        if (!cutter.armed) return void client.write(reply);
        cutter.armed = false;
        cutter.cuts++;
        client.destroy();
        upstream.destroy();
      });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const)
        one.on('error', () => {}).on('close', () => other.destroy());
    });
    return cutter;
  }

  /** The next command is done, and its reply does not come. */
  cutNextReply(): void {
    this.armed = true;
  }

  stop(): void {
    this.server.close();
  }
}
