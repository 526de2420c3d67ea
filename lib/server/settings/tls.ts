import { check, hidden, type Rule, type Rules, wrong } from './rules.js';

/** TLS on the port that is listened on. Certificates and keys are PEM texts, or paths of PEM files. */
export interface TlsSetting {
  /**
   * `permissive` (default): connections with and without TLS on one port. `enforcing`: whoever comes without is told that
   * TLS is needed. `disabled`: as if there were no setting.
   */
  mode?: 'disabled' | 'permissive' | 'enforcing';
  /** Private key of the certificate. */
  key: string;
  /** Certificate, with those of the authorities in between behind it. */
  cert: string;
  /** Of an encrypted key. */
  passphrase?: string;
  /** Authorities that sign the certificates of clients. */
  ca?: string;
  /**
   * Whether clients are asked for a certificate of `ca`. `true`: who has none is served as well; `'require'`: only who has
   * one. Default false.
   */
  requestClientCertificate?: boolean | 'require';
}

export type ResolvedTls = Readonly<TlsSetting> & { readonly mode: 'permissive' | 'enforcing' };

const MODES: readonly unknown[] = ['disabled', 'permissive', 'enforcing'];

const file: Rule = [
  (value) => typeof value === 'string' && value.trim() !== '',
  'a PEM text or the path of a PEM file',
];

const TLS_RULES: Rules<TlsSetting> = {
  mode: [(value) => MODES.includes(value), "'disabled', 'permissive' or 'enforcing'"],
  key: file,
  cert: file,
  passphrase: hidden((value) => typeof value === 'string', 'a text'),
  ca: file,
  requestClientCertificate: [(value) => typeof value === 'boolean' || value === 'require', "true, false or 'require'"],
};

/** Undefined for connections without TLS only. `listens`: whether there is a port at all. */
export function resolveTls(setting: TlsSetting | undefined, listens: boolean, where: string): ResolvedTls | undefined {
  if (setting === undefined) return undefined;
  check(where, setting, TLS_RULES);
  const { mode = 'permissive', key, cert, ca, requestClientCertificate } = setting;
  if (mode === 'disabled') return undefined;
  if (!listens) throw wrong(`${where} has no meaning without a port: nobody connects. Give listen as well.`);
  if (key === undefined || cert === undefined) throw wrong(`${where} needs key and cert.`);
  if (requestClientCertificate && ca === undefined) {
    throw wrong(
      `${where}.requestClientCertificate needs ${where}.ca, the authority that has signed the clients' certificates.`,
    );
  }
  return { ...setting, mode };
}
