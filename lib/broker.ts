/** `nestmq/broker`: the broker on its own, without Nest. */
export { systemPlatform } from './platform/index.js';
export type { Logger, Platform } from './platform/index.js';
export { MessagingError, type MessagingErrorCode } from './protocol/index.js';
export {
  BrokerHost,
  type BrokerSettings,
  NameServerHost,
  type NameServerSettings,
  SharedBroker,
  type SharingHealth,
  type TlsSetting,
  type AccountSetting,
  type AclSetting,
} from './server/index.js';
