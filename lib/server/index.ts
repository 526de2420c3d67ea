export { BrokerHost } from './broker-host.js';
export type { HostHealth } from './broker-host.js';
export { resolveSettings } from './settings.js';
export type { BrokerSettings, ListenSetting, TopicSetting } from './settings.js';
export { VERSION } from './version.js';
