import type { Platform } from '../../platform/index.js';
import type { AclSetting } from '../settings/acl.js';
import { AccessGuard } from './access-guard.js';
import { loadAccounts } from './accounts.js';

/**
 * The guard of one listener; undefined without access control.
 * @throws MessagingError CONFIGURATION as `loadAccounts` does.
 */
export async function guardOf(
  setting: AclSetting | string | undefined,
  where: string,
  isServed: (code: number) => boolean,
  { clock, logger }: Platform,
): Promise<AccessGuard | undefined> {
  if (setting === undefined) return undefined;
  return new AccessGuard(await loadAccounts(setting, where), isServed, clock, logger);
}
