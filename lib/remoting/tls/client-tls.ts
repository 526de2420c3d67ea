import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { readOptionalPem } from './pem.js';

/** How a client makes sure whom it talks to. Certificates and keys are PEM texts or paths of PEM files. */
export interface ClientTls {
  /** Certificates of the authorities that are trusted. Default: those that Node.js comes with. */
  readonly ca?: string;
  /** Our own certificate, for servers that ask for one; with `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** Of an encrypted `key`. */
  readonly passphrase?: string;
  /** The name that the server's certificate must have. Default: the host of its address. */
  readonly servername?: string;
  /** False takes any certificate, also that of somebody in between. Default true. */
  readonly rejectUnauthorized?: boolean;
}

/** Older ones are broken. */
export const LEAST_TLS_VERSION = 'TLSv1.2';

/**
 * Opens a socket that emits `secureConnect` when the other end is known.
 * @throws MessagingError CONFIGURATION when a file of the settings cannot be read.
 */
export async function openTlsSocket(host: string, port: number, tls: ClientTls): Promise<TLSSocket> {
  const [ca, cert, key] = await Promise.all([
    readOptionalPem('tls.ca', tls.ca),
    readOptionalPem('tls.cert', tls.cert),
    readOptionalPem('tls.key', tls.key),
  ]);
  // The name goes out in the clear so that the server finds its certificate; an address is none.
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  return connect({
    host,
    port,
    ca,
    cert,
    key,
    passphrase: tls.passphrase,
    servername,
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
    minVersion: LEAST_TLS_VERSION,
  });
}
