import { readOptionalPem, readPem, type ServerTls } from '../remoting/index.js';
import type { ResolvedTls } from './settings/tls.js';

/**
 * The keys and certificates as they are in their files now.
 * @throws MessagingError CONFIGURATION naming the setting whose file cannot be read.
 */
export async function loadTls(tls: ResolvedTls, where: string): Promise<ServerTls> {
  const { mode, requestClientCertificate: wanted } = tls;
  return {
    mode,
    key: await readPem(`${where}.key`, tls.key),
    cert: await readPem(`${where}.cert`, tls.cert),
    ca: await readOptionalPem(`${where}.ca`, tls.ca),
    passphrase: tls.passphrase,
    clientCertificate: wanted === 'require' ? 'require' : wanted === true ? 'optional' : 'none',
  };
}
