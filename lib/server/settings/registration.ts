import { checkCredentials, type Credentials } from '../../protocol/index.js';
import type { ClientTls } from '../../remoting/index.js';
import { check, flag, hidden, object, type Rule, type Rules, wrong } from './rules.js';

/** How a broker connects to the NameServers at which it registers. */
export interface RegistrationSetting {
  /** An account that may administrate them. Default: none. */
  credentials?: Credentials;
  /** Whether to speak TLS with them, and whom to trust. Default false. */
  tls?: boolean | ClientTls;
}

const text: Rule = hidden((value) => typeof value === 'string' && value !== '', 'a text');

const REGISTRATION_RULES: Rules<RegistrationSetting> = {
  credentials: hidden(object[0], '{ accessKey, secretKey }'),
  tls: hidden((value) => typeof value === 'boolean' || object[0](value), 'true, false or { ca, cert, key, … }'),
};

const CLIENT_TLS_RULES: Rules<ClientTls> = {
  ca: text,
  cert: text,
  key: text,
  passphrase: text,
  servername: text,
  rejectUnauthorized: flag,
};

/** `registers`: whether there are NameServers to register at. */
export function resolveRegistration(
  setting: RegistrationSetting | undefined,
  registers: boolean,
  where: string,
): RegistrationSetting | undefined {
  if (setting === undefined) return undefined;
  check(where, setting, REGISTRATION_RULES);
  if (!registers) throw wrong(`${where} has no meaning without nameServer: the broker registers nowhere.`);
  if (setting.credentials !== undefined) checkCredentials(setting.credentials, `${where}.credentials`);
  if (typeof setting.tls === 'object') check(`${where}.tls`, setting.tls, CLIENT_TLS_RULES);
  return setting;
}
