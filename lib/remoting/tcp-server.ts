import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Clock, Logger } from '../platform/index.js';
import { createResponse, MessagingError, ResponseCode } from '../protocol/index.js';
import type { Admission, Channel } from './channel.js';
import { SERIALIZE_JSON } from './frame.js';
import { FrameMemory } from './frame-memory.js';
import { RemotingCounters } from './remoting-counters.js';
import { formatAddress, socketAddress, unixAddress } from './socket-address.js';
import { TcpChannel } from './tcp-channel.js';
import { type ServerTls, TlsDoor } from './tls/tls-door.js';

export interface TcpServerOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 lets the system choose. Without meaning with `path`. */
  readonly port?: number;
  /** Listens on a socket in the file system instead; nothing may be at that path. Removed again when the server closes. */
  readonly path?: string;
  /** Gets each new channel; it sets the handler for requests. */
  readonly onChannel: (channel: Channel) => void;
  /** Asked about every request before it is decoded and served. Default: all are let through. */
  readonly admit?: Admission;
  /** Milliseconds without any traffic after which a connection is closed; default 120,000. */
  readonly idleMillis?: number;
  /** Connections at the same time; further ones are closed at once. Default 10,000. */
  readonly maxConnections?: number;
  /** Connections whose first byte begins a TLS handshake get one. Default: plain connections only. */
  readonly tls?: ServerTls;
}

const DEFAULT_IDLE = 120_000;
const DEFAULT_CONNECTIONS = 10_000;
const ONLY_TLS =
  'NO_PERMISSION: this server takes connections with TLS only. Give the client the option tls, a Java client tls.enable=true';
/** At most one line per this many milliseconds says that connections are turned away: a flood must not fill the log. */
const REFUSAL_LOG_GAP = 10_000;

/** Listens for peers that speak the remoting protocol. */
export class TcpServer {
  /** `ip:port` or `unix:path` that is listened on. */
  readonly address: string;
  readonly counters = new RemotingCounters();
  private readonly channels = new Set<TcpChannel>();
  private readonly frames: FrameMemory;
  private readonly door: TlsDoor | undefined;
  private lastRefusalLog = Number.NEGATIVE_INFINITY;
  private closing: Promise<void> | undefined;

  /** Resolves when it listens; rejects with CONFIGURATION when it cannot. */
  static listen(options: TcpServerOptions, clock: Clock, logger: Logger): Promise<TcpServer> {
    const { host = '127.0.0.1', port = 0, path } = options;
    return new Promise((resolve, reject) => {
      let listening: TcpServer | undefined;
      const onSocket = (socket: Socket): void => listening?.accept(socket);
      const server = createServer({ noDelay: true }, onSocket);
      server.once('error', (error: NodeJS.ErrnoException) => {
        const where = path ?? formatAddress(host, port);
        const why =
          error.code === 'EADDRINUSE'
            ? `another process uses that ${path === undefined ? 'port' : 'path'}; choose another one or stop it`
            : error.message;
        reject(new MessagingError('CONFIGURATION', `Cannot listen on ${where}: ${why}`, { cause: error }));
      });
      // In a worker of node:cluster it would be the primary that listens, on behalf of whoever asks for the path.
      server.listen(path === undefined ? { host, port } : { path, exclusive: true }, () => {
        server.removeAllListeners('error');
        try {
          listening = new TcpServer(server, options, clock, logger);
        } catch (error) {
          server.close();
          reject(error);
          return;
        }
        resolve(listening);
      });
    });
  }

  private constructor(
    private readonly server: Server,
    private readonly options: TcpServerOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.frames = new FrameMemory(clock);
    const bound = server.address() as AddressInfo | string;
    this.address = typeof bound === 'string' ? unixAddress(bound) : formatAddress(bound.address, bound.port);
    // Who comes through the file system has been let in by its permissions, and nobody listens in between.
    this.door = options.tls && options.path === undefined ? this.makeDoor(options.tls) : undefined;
    server.on('error', (error) => logger.error(`The listener on ${this.address} reports an error and goes on`, error));
  }

  get connections(): number {
    return this.channels.size + (this.door?.waiting ?? 0);
  }

  /**
   * Certificates and key for the connections to come.
   * @throws MessagingError CONFIGURATION when they cannot be used; then the old ones stay.
   */
  renewTls(tls: ServerTls): void {
    this.door?.renew(tls);
  }

  /** Stops listening and closes every channel, after what is written has been taken. */
  close(): Promise<void> {
    return (this.closing ??= this.closeAll());
  }

  private async closeAll(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    this.door?.close();
    await Promise.all([...this.channels].map((channel) => channel.close()));
    await stopped;
  }

  private accept(socket: Socket): void {
    if (this.closing !== undefined || this.connections >= (this.options.maxConnections ?? DEFAULT_CONNECTIONS)) {
      this.refuse(socket);
      return;
    }
    this.counters.accepted++;
    if (this.door === undefined) this.open(socket, this.options.onChannel);
    else this.door.take(socket);
  }

  private makeDoor(tls: ServerTls): TlsDoor {
    return new TlsDoor(tls, this.idleMillis, this.clock, {
      plain: (socket) => this.open(socket, tls.mode === 'enforcing' ? onlyTls : this.options.onChannel),
      secure: (socket) => this.open(socket, this.options.onChannel),
      failed: (remote, why) => {
        this.counters.failedHandshakes++;
        this.warnSometimes(`${remote} and ${this.address} found no agreement on TLS: ${why}`);
      },
    });
  }

  private get idleMillis(): number {
    return this.options.idleMillis ?? DEFAULT_IDLE;
  }

  private open(socket: Socket, onChannel: (channel: Channel) => void): void {
    // A handshake may end after the listener has been closed.
    if (this.closing !== undefined) {
      socket.destroy();
      return;
    }
    const channel = new TcpChannel(
      socket,
      {
        role: 'accepted',
        serialize: SERIALIZE_JSON,
        idleMillis: this.idleMillis,
        admit: this.options.admit,
        remoteAddress: this.remoteAddress(socket),
        frames: this.frames,
      },
      this.counters,
      this.clock,
      this.logger,
    );
    this.channels.add(channel);
    socket.once('close', () => {
      this.channels.delete(channel);
      // It is the channels that look now and then whether it is still wanted.
      if (this.channels.size === 0) this.frames.clear();
    });
    onChannel(channel);
  }

  /** Whoever comes through the file system has no address; where it came in says more than nothing. */
  private remoteAddress(socket: Socket): string {
    return this.options.path === undefined ? socketAddress(socket) : this.address;
  }

  private refuse(socket: Socket): void {
    this.counters.refused++;
    socket.on('error', () => {});
    socket.destroy();
    if (this.closing !== undefined) return;
    this.warnSometimes(
      `${this.address} has ${this.connections} connections and turns further ones away (${this.counters.refused} so far); raise maxConnections or look who opens them`,
    );
  }

  private warnSometimes(line: string): void {
    const now = this.clock.monotonic();
    if (now - this.lastRefusalLog < REFUSAL_LOG_GAP) return;
    this.lastRefusalLog = now;
    this.logger.warn(line);
  }
}

/** Whoever comes without TLS to a server that insists on it is told so in its own language, once. */
function onlyTls(channel: Channel): void {
  channel.onRequest((_request, from, respond) => {
    respond(createResponse(ResponseCode.NO_PERMISSION, {}, ONLY_TLS));
    void from.close();
  });
}
