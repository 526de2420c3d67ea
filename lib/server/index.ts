export { BrokerHost } from './broker-host.js';
export type { HostHealth } from './broker-host.js';
export { resolveSettings } from './settings/broker-settings.js';
export type { BrokerSettings } from './settings/broker-settings.js';
export type { ListenSetting } from './settings/listen.js';
export type { TopicSetting } from './settings/topics.js';
export { VERSION } from './version.js';
export type { TlsSetting } from './settings/tls.js';
