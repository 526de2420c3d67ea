import { once } from 'node:events';
import { type AddressInfo, createServer, connect, type Server, type Socket } from 'node:net';

/** Stands between a client and its database, and cuts the connection around a statement. */
export class CuttingProxy {
  private cutting: { words: RegExp; when: 'before' | 'after' } | undefined;
  private readonly sockets = new Set<Socket>();
  cuts = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async before(host: string, port: number): Promise<CuttingProxy> {
    const server = createServer((client) => proxy.pass(client, connect(port, host)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new CuttingProxy(server, (server.address() as AddressInfo).port);
    return proxy;
  }

  /**
   * Once, at the next statement with these words. `before`: the database never gets it. `after`: it has answered, and the
   * client does not hear that.
   */
  cutNext(words: RegExp, when: 'before' | 'after'): void {
    this.cutting = { words, when };
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private pass(client: Socket, database: Socket): void {
    let answered: (() => void) | undefined;
    const end = (): void => {
      client.destroy();
      database.destroy();
      this.sockets.delete(client);
      this.sockets.delete(database);
    };
    for (const socket of [client, database]) {
      this.sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (chunk) => {
      const { cutting } = this;
      if (cutting !== undefined && cutting.words.test(chunk.toString('latin1'))) {
        this.cutting = undefined;
        this.cuts++;
        if (cutting.when === 'before') return end();
        answered = end;
      }
      database.write(chunk);
    });
    database.on('data', (chunk) => {
      if (answered !== undefined) return answered();
      client.write(chunk);
    });
  }
}
