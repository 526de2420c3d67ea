import { connect as connectSocket, type Socket } from 'node:net';
import { type Clock, type Logger, silentLogger } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';
import type { Channel, Connector } from './channel.js';
import { SERIALIZE_BINARY, SERIALIZE_JSON } from './frame.js';
import { RemotingCounters } from './remoting-counters.js';
import { parseAddress, socketAddress, unixPath } from './socket-address.js';
import { TcpChannel } from './tcp-channel.js';

export interface TcpConnectorOptions {
  /** Milliseconds; default 3,000. */
  readonly connectTimeout?: number;
  /** Milliseconds without any traffic after which a connection is closed; default 120,000. */
  readonly idleMillis?: number;
  /** Form of the headers of our requests. Every server understands `json`, the default; `binary` is faster. */
  readonly serialize?: 'json' | 'binary';
  /** Opens the socket to an address in the network; the place where TLS comes in. It must emit `connect` when data may be sent. Default: plain TCP. */
  readonly openSocket?: (host: string, port: number) => Socket;
}

const DEFAULT_CONNECT_TIMEOUT = 3_000;
const DEFAULT_IDLE = 120_000;

const MEANING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Start the broker or NameServer, or correct the address',
  ECONNRESET: 'the other end broke the connection off',
  EHOSTUNREACH: 'there is no way to that host. Check the network and the address',
  ENETUNREACH: 'there is no way to that network. Check the network and the address',
  ENOENT: 'there is no such socket. Start the broker that listens there, or correct the path',
  EACCES: 'this user may not use it',
  ENOTFOUND: 'the name is not known. Check its spelling and the DNS',
  EAI_AGAIN: 'the DNS does not answer. Check the network',
  ETIMEDOUT: 'the host does not answer. Check that it is up and that no firewall drops the packets',
};

/** Opens TCP connections. */
export class TcpConnector implements Connector {
  readonly counters = new RemotingCounters();

  constructor(
    private readonly options: TcpConnectorOptions,
    private readonly clock: Clock,
    private readonly logger: Logger = silentLogger,
  ) {}

  /** `address`: `host:port`, or `unix:path`. Rejects with CONNECT_FAILED, or with CONFIGURATION when `address` is none. */
  async connect(address: string): Promise<Channel> {
    const path = unixPath(address);
    const socket = path === undefined ? this.openSocket(address) : connectSocket({ path });
    await this.connected(socket, address);
    return new TcpChannel(
      socket,
      {
        role: 'connected',
        serialize: this.options.serialize === 'binary' ? SERIALIZE_BINARY : SERIALIZE_JSON,
        idleMillis: this.options.idleMillis ?? DEFAULT_IDLE,
        remoteAddress: path === undefined ? socketAddress(socket) : address,
      },
      this.counters,
      this.clock,
      this.logger,
    );
  }

  private openSocket(address: string): Socket {
    const { host, port } = parseAddress(address);
    return this.options.openSocket?.(host, port) ?? connectSocket({ host, port, noDelay: true });
  }

  private connected(socket: Socket, address: string): Promise<void> {
    const milliseconds = this.options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT;
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(milliseconds, () => {
        failed(Object.assign(new Error(`no connection within ${milliseconds} ms`), { code: 'ETIMEDOUT' }));
      });
      const failed = (error: NodeJS.ErrnoException): void => {
        timer.cancel();
        socket.destroy();
        const code = codeOf(error);
        const why = MEANING[code] ?? error.message;
        reject(
          new MessagingError('CONNECT_FAILED', `Cannot connect to ${address} (${code}): ${why}`, { cause: error }),
        );
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        timer.cancel();
        socket.off('error', failed);
        resolve();
      });
    });
  }
}

/** A name with several addresses fails with all their errors at once; the first one speaks for them. */
function codeOf(error: NodeJS.ErrnoException): string {
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined;
  return error.code ?? first?.code ?? 'unknown error';
}
