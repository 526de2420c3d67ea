const UNTRUSTED =
  'its certificate comes from an authority that is not trusted here. Give the certificate of that authority as tls.ca';

const NO_TLS = 'it does not speak TLS. Leave the option tls out, or give that server tls';

const PROBLEMS: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for other names. Connect by a name that is in it, or say which one it has to have with tls.servername',
  CERT_HAS_EXPIRED: 'its certificate has expired. Renew it, or correct the clock of this machine',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet. Correct the clock of one of the machines',
  CERT_REVOKED: 'its certificate has been revoked. Give it a new one',
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks only versions of TLS before 1.2. Bring it up to date',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it speaks none of the versions of TLS from 1.2 on. Bring it up to date',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'tls.key is not the key of tls.cert. Give those that belong together',
};

const OWN_REFUSED =
  /ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)|HANDSHAKE_FAILURE/;
const OWN_CERTIFICATE =
  'it does not accept the certificate of this client, or wants one. Give one that its authority has signed as tls.cert and tls.key';

/**
 * What the failure of a socket with TLS means, and how it is mended: the other end is reached, and one of the two is not
 * what it should be. Undefined for what has nothing to do with TLS.
 */
export function tlsProblem(error: NodeJS.ErrnoException): string | undefined {
  const code = error.code ?? '';
  const known = PROBLEMS[code];
  if (known !== undefined) return known;
  if (OWN_REFUSED.test(code)) return OWN_CERTIFICATE;
  if (!/^ERR_(?:SSL|TLS|OSSL)_|^CERT_|^EPROTO$/.test(code)) return undefined;
  return /wrong version number|packet length too long/.test(error.message) ? NO_TLS : error.message;
}

/** Whether the bytes are the beginning of a TLS record: a handshake or an alert of any version. */
export function looksLikeTls(bytes: Buffer): boolean {
  return bytes.length >= 2 && (bytes[0] === 0x16 || bytes[0] === 0x15) && bytes[1] === 0x03;
}
