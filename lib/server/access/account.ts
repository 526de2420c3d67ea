import { isSystemTopic, SigningKey } from '../../protocol/index.js';
import type { AccountSetting, PermissionText } from '../settings/acl.js';
import { type AddressPattern, compileAddresses } from './address-pattern.js';
import { type Need, PUB, SUB } from './need.js';

const BITS: Readonly<Record<PermissionText, number>> = {
  DENY: 0,
  PUB,
  SUB,
  'PUB|SUB': PUB | SUB,
  'SUB|PUB': PUB | SUB,
};

/** What somebody may do: an account, or whoever comes from a white address. */
export interface Grant {
  /** For logs. */
  readonly name: string;
  readonly admin: boolean;
  may(need: Need): boolean;
}

/** One account of the settings. */
export class Account implements Grant {
  readonly name: string;
  readonly admin: boolean;
  readonly key: SigningKey;
  /** From there the access key alone is enough. */
  readonly white: AddressPattern;
  private readonly topics: ReadonlyMap<string, number>;
  private readonly groups: ReadonlyMap<string, number>;
  private readonly topicDefault: number;
  private readonly groupDefault: number;
  private readonly anywhere: number;

  constructor(setting: AccountSetting, where: string) {
    this.name = setting.accessKey;
    this.admin = setting.admin ?? false;
    this.key = new SigningKey(setting.secretKey);
    const { whiteRemoteAddress: white = [] } = setting;
    this.white = compileAddresses(typeof white === 'string' ? [white] : white, `${where}.whiteRemoteAddress`);
    this.topics = bitsOf(setting.topicPermissions);
    this.groups = bitsOf(setting.groupPermissions);
    this.topicDefault = BITS[setting.defaultTopicPermission ?? 'DENY'];
    this.groupDefault = BITS[setting.defaultGroupPermission ?? 'DENY'];
    this.anywhere = [...this.topics.values()].reduce((all, bits) => all | bits, this.topicDefault);
  }

  may(need: Need): boolean {
    if (this.admin) return true;
    switch (need.on) {
      case 'topic':
        return (this.topicBits(need.name) & need.bits) !== 0;
      case 'group':
        return ((this.groups.get(need.name) ?? this.groupDefault) & need.bits) !== 0;
      case 'some topic':
        return (this.anywhere & need.bits) !== 0;
      case 'administration':
        return false;
    }
  }

  /** What the broker keeps for itself nobody gets by a default. */
  private topicBits(name: string): number {
    return this.topics.get(name) ?? (isSystemTopic(name) ? 0 : this.topicDefault);
  }
}

/** Keys of the settings are names of topics: `__proto__` is one as well. */
function bitsOf(permissions: Readonly<Record<string, PermissionText>> = {}): ReadonlyMap<string, number> {
  return new Map(Object.entries(permissions).map(([name, text]) => [name, BITS[text]]));
}
