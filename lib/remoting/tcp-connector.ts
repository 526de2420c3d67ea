import { connect as connectSocket, type NetConnectOpts, type Socket } from 'node:net';
import { type Clock, type Logger, silentLogger } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';
import type { Channel, Connector } from './channel.js';
import { SERIALIZE_BINARY, SERIALIZE_JSON } from './frame.js';
import { RemotingCounters } from './remoting-counters.js';
import { ReadBuffer } from './read-buffer.js';
import { parseAddress, socketAddress, unixPath } from './socket-address.js';
import { TcpChannel } from './tcp-channel.js';
import { type ClientTls, openTlsSocket } from './tls/client-tls.js';
import { tlsProblem } from './tls/tls-problems.js';

export interface TcpConnectorOptions {
  /** Milliseconds; default 3,000. */
  readonly connectTimeout?: number;
  /** Milliseconds without any traffic after which a connection is closed; default 120,000. */
  readonly idleMillis?: number;
  /** Form of the headers of our requests. Every server understands `json`, the default; `binary` is faster. */
  readonly serialize?: 'json' | 'binary';
  /** Whether to speak TLS, and whom to trust; `true` trusts the authorities that Node.js comes with. Default false. */
  readonly tls?: boolean | ClientTls;
  /** Opens the socket without TLS. It must emit `connect` when data may be sent. Default: plain TCP. */
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

  /**
   * `address`: `host:port`, or `unix:path`, where there is never TLS. Rejects with CONNECT_FAILED, with TLS_FAILED when the
   * other end does not speak TLS or is not who it should be, with CONFIGURATION when `address` is none or a file of `tls`
   * cannot be read.
   */
  async connect(address: string): Promise<Channel> {
    const path = unixPath(address);
    const { tls = false } = this.options;
    if (path !== undefined) return this.own({ path }, address);
    const { host, port } = parseAddress(address);
    if (tls !== false)
      return this.channel(await openTlsSocket(host, port, tls === true ? {} : tls), address, 'secureConnect');
    const given = this.options.openSocket?.(host, port);
    if (given !== undefined) return this.channel(given, address, 'connect');
    return this.own({ host, port, noDelay: true }, address);
  }

  /** By a socket that reads into memory of ours. */
  private own(where: NetConnectOpts, address: string): Promise<Channel> {
    const reads = new ReadBuffer();
    return this.channel(connectSocket({ ...where, onread: reads.onread }), address, 'connect', reads);
  }

  private async channel(
    socket: Socket,
    address: string,
    event: 'connect' | 'secureConnect',
    reads?: ReadBuffer,
  ): Promise<Channel> {
    await this.connected(socket, address, event);
    return new TcpChannel(
      socket,
      {
        role: 'connected',
        serialize: this.options.serialize === 'binary' ? SERIALIZE_BINARY : SERIALIZE_JSON,
        idleMillis: this.options.idleMillis ?? DEFAULT_IDLE,
        reads,
        remoteAddress: unixPath(address) === undefined ? socketAddress(socket) : address,
      },
      this.counters,
      this.clock,
      this.logger,
    );
  }

  private connected(socket: Socket, address: string, event: 'connect' | 'secureConnect'): Promise<void> {
    const milliseconds = this.options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT;
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(milliseconds, () => {
        failed(Object.assign(new Error(`no connection within ${milliseconds} ms`), { code: 'ETIMEDOUT' }));
      });
      const failed = (error: NodeJS.ErrnoException): void => {
        timer.cancel();
        socket.destroy();
        reject(connectError(error, address, event === 'secureConnect'));
      };
      socket.once('error', failed);
      socket.once(event, () => {
        timer.cancel();
        socket.off('error', failed);
        resolve();
      });
    });
  }
}

function connectError(error: NodeJS.ErrnoException, address: string, secure: boolean): MessagingError {
  const code = codeOf(error);
  const problem = secure ? tlsProblem(error) : undefined;
  if (problem !== undefined)
    return new MessagingError('TLS_FAILED', `No TLS with ${address} (${code}): ${problem}`, { cause: error });
  const hint = secure && code === 'ECONNRESET' ? ' before TLS was agreed on; it may not speak TLS' : '';
  const why = `${MEANING[code] ?? error.message}${hint}`;
  return new MessagingError('CONNECT_FAILED', `Cannot connect to ${address} (${code}): ${why}`, { cause: error });
}

/** A name with several addresses fails with all their errors at once; the first one speaks for them. */
function codeOf(error: NodeJS.ErrnoException): string {
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined;
  return error.code ?? first?.code ?? 'unknown error';
}
