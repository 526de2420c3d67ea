import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Traps, type Verdict } from './trap.js';

/** Knows the protocol of one direction of a connection. */
export interface Reader {
  /** Length of the message that begins at `at`; undefined while too little of it is there to tell. */
  lengthAt(bytes: Buffer, at: number): number | undefined;
  /** Sees a whole message before it goes on; says whether it sprang a trap. */
  see(bytes: Buffer, at: number, end: number): Verdict | Promise<Verdict> | undefined;
}

/** Stands between clients and a server on loopback and sees each message pass, without either end knowing of it. */
export abstract class Tap {
  readonly traps = new Traps();
  private readonly server: Server;
  private readonly links = new Set<Link>();

  protected constructor(private readonly target: () => { host: string; port: number }) {
    this.server = createServer({ noDelay: true }, (client) => {
      const link = new Link(client, connect({ ...this.target(), noDelay: true }), (self) => this.readers(self));
      this.links.add(link);
      link.closed.then(() => this.links.delete(link));
    });
  }

  /** Starts on a free port and says which. */
  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  /** Cuts the connections of whom `who` names. */
  cut(who: RegExp): void {
    for (const link of this.links) if (who.test(this.whoIs(link))) link.destroy();
  }

  async close(): Promise<void> {
    for (const link of this.links) link.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  protected whoIs(link: Link): string {
    return link.who;
  }

  /** For the requests and for the answers of a new connection. */
  protected abstract readers(link: Link): { requests: Reader; answers: Reader };
}

/** One connection from end to end. */
export class Link {
  /** Known once the client has said who it is. */
  who = '?';
  backend: number | undefined;
  readonly closed: Promise<void>;

  constructor(
    readonly client: Socket,
    private readonly server: Socket,
    readers: (link: Link) => { requests: Reader; answers: Reader },
  ) {
    const { requests, answers } = readers(this);
    this.closed = new Promise((resolve) => {
      let open = 2;
      for (const socket of [client, server]) {
        // A reset is one of the ends having gone, as is meant here.
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.destroy();
          if (--open === 0) resolve();
        });
      }
    });
    this.carry(client, server, requests);
    this.carry(server, client, answers);
  }

  destroy(): void {
    this.client.destroy();
    this.server.destroy();
  }

  private carry(from: Socket, to: Socket, reader: Reader): void {
    let rest: Buffer | undefined;
    let held: Buffer[] | undefined;
    const forward = (bytes: Buffer): void => {
      if (bytes.length === 0 || to.destroyed) return;
      if (held !== undefined) held.push(bytes);
      else if (!to.write(bytes)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    };
    const hold = async (verdict: Verdict | Promise<Verdict>): Promise<void> => {
      held = [];
      if ((await verdict) === 'drop') return this.destroy();
      const waiting = held;
      held = undefined;
      for (const part of waiting) forward(part);
    };
    from.on('data', (chunk) => {
      const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      let sent = 0;
      let at = 0;
      for (;;) {
        const length = reader.lengthAt(bytes, at);
        if (length === undefined || at + length > bytes.length) break;
        const verdict = reader.see(bytes, at, at + length);
        if (verdict !== undefined) {
          forward(bytes.subarray(sent, at));
          sent = at;
          void hold(verdict);
        }
        at += length;
      }
      forward(bytes.subarray(sent, at));
      rest = at === bytes.length ? undefined : bytes.subarray(at);
    });
  }
}
