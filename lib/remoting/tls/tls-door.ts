import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { formatAddress } from '../socket-address.js';
import { LEAST_TLS_VERSION } from './client-tls.js';

/** What a server with TLS needs; certificates and key are PEM texts. */
export interface ServerTls {
  /** `permissive` serves plain connections as well; `enforcing` tells them that they need TLS. */
  readonly mode: 'permissive' | 'enforcing';
  readonly key: string;
  readonly cert: string;
  readonly passphrase?: string;
  /** Authorities of the clients' certificates. */
  readonly ca?: string;
  /** `optional` checks the certificate of a client that has one; `require` refuses the others. */
  readonly clientCertificate: 'none' | 'optional' | 'require';
}

/** What comes of a socket that knocks. */
export interface DoorEvents {
  /** Its first byte says that it speaks without TLS. */
  plain(socket: Socket): void;
  /** TLS is agreed on. */
  secure(socket: TLSSocket): void;
  /** No agreement was found; the socket is closed. */
  failed(remote: string, why: string): void;
}

/** The first byte of a TLS handshake. As the length of a frame it would stand for more than 350 MiB. */
const TLS_HANDSHAKE = 0x16;
const HANDSHAKE_DEADLINE = 10_000;

/** Tells by the first byte of a connection whether it is TLS, on one port, and shakes hands. */
export class TlsDoor {
  private readonly server: Server;
  /** Sockets that are not handed on yet, by the address of their other end: the TLS socket is another object. */
  private readonly knocking = new Map<string, { socket: Socket; timer: Timer }>();

  /** @throws MessagingError CONFIGURATION when key and certificates cannot be used. */
  constructor(
    tls: ServerTls,
    private readonly idleMillis: number,
    private readonly clock: Clock,
    private readonly events: DoorEvents,
  ) {
    const requestCert = tls.clientCertificate !== 'none';
    this.server = usable(() =>
      createServer({
        ...contextOf(tls),
        requestCert,
        // A certificate that cannot be trusted is refused also where none is needed: whoever shows one means it.
        rejectUnauthorized: tls.clientCertificate === 'require',
      }),
    );
    this.server.on('secureConnection', (socket) => this.agreed(socket, tls.clientCertificate));
    this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const remote = addressOf(socket);
      this.events.failed(remote, error.message);
      socket.destroy();
      this.knocking.get(remote)?.socket.destroy();
    });
  }

  get waiting(): number {
    return this.knocking.size;
  }

  /** New connections get the new certificates; those that are open keep theirs. */
  renew(tls: ServerTls): void {
    usable(() => this.server.setSecureContext(contextOf(tls)));
  }

  /** Whoever says nothing has as long as an idle connection has; a handshake has 10 s. */
  take(socket: Socket): void {
    const remote = addressOf(socket);
    const timer = this.clock.after(this.idleMillis, () => socket.destroy());
    this.knocking.set(remote, { socket, timer });
    socket.on('error', () => {});
    socket.once('close', () => this.forget(remote));
    socket.once('readable', () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null || chunk.length === 0) {
        // Only its end was there to be read.
        socket.destroy();
        return;
      }
      socket.unshift(chunk);
      if (chunk[0] === TLS_HANDSHAKE) this.shake(socket, remote);
      else {
        this.forget(remote);
        this.events.plain(socket);
      }
    });
  }

  close(): void {
    for (const { socket } of this.knocking.values()) socket.destroy();
  }

  private shake(socket: Socket, remote: string): void {
    this.forget(remote);
    const timer = this.clock.after(HANDSHAKE_DEADLINE, () => {
      this.events.failed(remote, `no handshake within ${HANDSHAKE_DEADLINE} ms`);
      socket.destroy();
    });
    this.knocking.set(remote, { socket, timer });
    socket.setNoDelay(true);
    this.server.emit('connection', socket);
  }

  private agreed(socket: TLSSocket, clientCertificate: ServerTls['clientCertificate']): void {
    const remote = addressOf(socket);
    this.forget(remote);
    const shown = clientCertificate === 'optional' && Object.keys(socket.getPeerCertificate()).length > 0;
    if (shown && !socket.authorized) {
      this.events.failed(remote, `its certificate is refused (${String(socket.authorizationError)})`);
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.events.secure(socket);
  }

  private forget(remote: string): void {
    this.knocking.get(remote)?.timer.cancel();
    this.knocking.delete(remote);
  }
}

function contextOf({ key, cert, ca, passphrase }: ServerTls): SecureContextOptions {
  return { key, cert, ca, passphrase, minVersion: LEAST_TLS_VERSION };
}

function addressOf(socket: Socket): string {
  return formatAddress(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0);
}

/** OpenSSL names what is wrong with a certificate or key, never what is in it. */
function usable<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    const why = (error as Error).message;
    throw new MessagingError('CONFIGURATION', `The key and certificates of tls cannot be used: ${why}`, {
      cause: error,
    });
  }
}
