import { oneOf, parsePort } from '../flags/values.js';
import type { SettingFlag } from './server-settings.js';

const CLIENT_CERTIFICATE = { none: false, request: true, require: 'require' } as const;

function parseClientCertificate(text: string): boolean | 'require' {
  return CLIENT_CERTIFICATE[oneOf(...Object.keys(CLIENT_CERTIFICATE))(text) as keyof typeof CLIENT_CERTIFICATE];
}

/** Where a server listens, and who may connect. */
export const LISTEN_FLAGS: readonly SettingFlag[] = [
  {
    name: 'host',
    setting: 'listen.host',
    value: 'host',
    env: 'NESTMQ_HOST',
    help: 'address to listen on; default 127.0.0.1',
  },
  {
    name: 'port',
    setting: 'listen.port',
    value: 'port',
    parse: parsePort,
    env: 'NESTMQ_PORT',
    help: 'port to listen on, 0 for a free one; default 9876, of a broker with --namesrv 10911',
  },
  {
    name: 'insecure',
    setting: 'insecure',
    env: 'NESTMQ_INSECURE',
    help: 'listen on an address that other machines reach although nobody is asked who they are (no --acl)',
  },
  {
    name: 'acl',
    setting: 'acl',
    value: 'file',
    env: 'NESTMQ_ACL',
    help: 'JSON file of accounts with what they may do; default everybody everything',
  },
  {
    name: 'tls-key',
    setting: 'tls.key',
    value: 'file',
    env: 'NESTMQ_TLS_KEY',
    help: 'PEM file of the private key, for TLS on the port; with --tls-cert',
  },
  {
    name: 'tls-cert',
    setting: 'tls.cert',
    value: 'file',
    env: 'NESTMQ_TLS_CERT',
    help: 'PEM file of its certificate, with those of the authorities in between',
  },
  {
    name: 'tls-mode',
    setting: 'tls.mode',
    value: 'mode',
    parse: oneOf('permissive', 'enforcing', 'disabled'),
    env: 'NESTMQ_TLS_MODE',
    help: 'permissive: connections with and without TLS; enforcing: only with; default permissive',
  },
  {
    name: 'tls-ca',
    setting: 'tls.ca',
    value: 'file',
    env: 'NESTMQ_TLS_CA',
    help: 'PEM file of the authority of the certificates of clients',
  },
  {
    name: 'tls-client-certificate',
    setting: 'tls.requestClientCertificate',
    value: 'how',
    parse: parseClientCertificate,
    env: 'NESTMQ_TLS_CLIENT_CERTIFICATE',
    help: 'request: clients are asked for one of --tls-ca; require: only who has one is served; default none',
  },
  {
    name: 'tls-passphrase',
    setting: 'tls.passphrase',
    value: 'text',
    env: 'NESTMQ_TLS_PASSPHRASE',
    help: 'of an encrypted key; others on the machine see flags, so take the variable',
  },
];
