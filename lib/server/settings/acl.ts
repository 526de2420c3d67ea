import { LEAST_KEY_LENGTH } from '../../protocol/index.js';
import { check, hidden, object, type Rule, type Rules, flag, wrong } from './rules.js';

/** `PUB` sends, `SUB` receives, `DENY` neither. */
export type PermissionText = 'PUB' | 'SUB' | 'PUB|SUB' | 'SUB|PUB' | 'DENY';

/** Who connects, and what they may. */
export interface AccountSetting {
  /** Names the account; at least 7 characters. */
  accessKey: string;
  /** Clients sign with it; at least 7 characters. */
  secretKey: string;
  /** May do everything, administration included. Default false. */
  admin?: boolean;
  /** Addresses from which the access key alone is enough, without a signature; not for administration. Default: none. */
  whiteRemoteAddress?: string | readonly string[];
  /** For topics that are not in `topicPermissions`; never for those of the broker itself. Default `DENY`. */
  defaultTopicPermission?: PermissionText;
  /** For groups that are not in `groupPermissions`. Default `DENY`. */
  defaultGroupPermission?: PermissionText;
  /** By topic. */
  topicPermissions?: Readonly<Record<string, PermissionText>>;
  /** By group; `SUB` is what its consumers need. */
  groupPermissions?: Readonly<Record<string, PermissionText>>;
}

/** Who may do what over the network. Whatever is not allowed is refused. */
export interface AclSetting {
  accounts: readonly AccountSetting[];
  /** Addresses from which no credentials are needed, but for administration. Default: none. */
  globalWhiteRemoteAddresses?: readonly string[];
}

const PERMISSIONS: readonly unknown[] = ['PUB', 'SUB', 'PUB|SUB', 'SUB|PUB', 'DENY'];

const key: Rule = hidden(
  (value) => typeof value === 'string' && value.length >= LEAST_KEY_LENGTH,
  `a text of at least ${LEAST_KEY_LENGTH} characters`,
);
const permission: Rule = hidden((value) => PERMISSIONS.includes(value), "'PUB', 'SUB', 'PUB|SUB' or 'DENY'");
const permissions: Rule = hidden(
  (value) => object[0](value) && Object.values(value as object).every((text) => PERMISSIONS.includes(text)),
  "an object of names and 'PUB', 'SUB', 'PUB|SUB' or 'DENY'",
);
const texts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((text) => typeof text === 'string' && text !== '');

const ACCOUNT_RULES: Rules<AccountSetting> = {
  accessKey: key,
  secretKey: key,
  admin: flag,
  whiteRemoteAddress: hidden(
    (value) => (typeof value === 'string' && value !== '') || texts(value),
    'an address, or a list of them',
  ),
  defaultTopicPermission: permission,
  defaultGroupPermission: permission,
  topicPermissions: permissions,
  groupPermissions: permissions,
};

const ACL_RULES: Rules<AclSetting> = {
  accounts: hidden(Array.isArray, 'a list of accounts'),
  globalWhiteRemoteAddresses: hidden(texts, 'a list of addresses'),
};

/** The setting itself, or the path of a JSON file that has it. */
export const acl: Rule = hidden(
  (value) => (typeof value === 'string' && value.trim() !== '') || object[0](value),
  '{ accounts, globalWhiteRemoteAddresses }, or the path of a JSON file that has them',
);

/** @throws MessagingError CONFIGURATION naming the setting; no value is in its message, because it may be a secret. */
export function checkAcl(setting: AclSetting, where: string): void {
  check(where, setting, ACL_RULES);
  if (setting.accounts === undefined) throw wrong(`${where} needs accounts.`);
  const names = new Set<string>();
  for (const [index, account] of setting.accounts.entries()) {
    const place = `${where}.accounts[${index}]`;
    if (!object[0](account)) throw wrong(`${place} must be an object.`);
    check(place, account, ACCOUNT_RULES);
    if (account.accessKey === undefined || account.secretKey === undefined)
      throw wrong(`${place} needs accessKey and secretKey.`);
    if (names.has(account.accessKey))
      throw wrong(`${place} has the accessKey of another account; keep one of the two.`);
    names.add(account.accessKey);
  }
}

/** What a file says is checked when it is read. `listens`: whether there is a port at all. */
export function resolveAcl(
  setting: AclSetting | string | undefined,
  listens: boolean,
  where: string,
): AclSetting | string | undefined {
  if (setting === undefined) return undefined;
  if (!listens) throw wrong(`${where} has no meaning without a port: nobody connects. Give listen as well.`);
  if (typeof setting !== 'string') checkAcl(setting, where);
  return setting;
}
