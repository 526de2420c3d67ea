import { readFile } from 'node:fs/promises';
import { MessagingError } from '../../protocol/index.js';
import { type AclSetting, checkAcl } from '../settings/acl.js';
import { Account } from './account.js';
import { type AddressPattern, compileAddresses } from './address-pattern.js';

/** All accounts as they are now. */
export interface Accounts {
  find(accessKey: string): Account | undefined;
  /** From there no credentials are needed, but for administration. */
  readonly white: AddressPattern;
}

/**
 * What the setting says, or the file that it names.
 * @throws MessagingError CONFIGURATION naming the place; nothing of what stands there, because it may be a secret.
 */
export async function loadAccounts(setting: AclSetting | string, where: string): Promise<Accounts> {
  const acl = typeof setting === 'string' ? await readAcl(setting, where) : setting;
  checkAcl(acl, where);
  const accounts = acl.accounts.map((account, index) => new Account(account, `${where}.accounts[${index}]`));
  const byKey = new Map(accounts.map((account) => [account.name, account]));
  return {
    find: (accessKey) => byKey.get(accessKey),
    white: compileAddresses(acl.globalWhiteRemoteAddresses ?? [], `${where}.globalWhiteRemoteAddresses`),
  };
}

async function readAcl(path: string, where: string): Promise<AclSetting> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new MessagingError('CONFIGURATION', `${where} names a file that cannot be read (${code}): ${path}.`);
  }
  try {
    return JSON.parse(text) as AclSetting;
  } catch {
    // The parser's own words quote the file.
    throw new MessagingError('CONFIGURATION', `${where}: what stands in ${path} is not JSON. Correct the file.`);
  }
}
