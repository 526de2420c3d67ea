export { KvConfig, ORDER_TOPIC_CONFIG } from './kv-config.js';
export { NameServer } from './name-server.js';
export type { LocalBroker } from './name-server.js';
export type { NameServerOptions } from './options.js';
export type { AnnouncedTopic } from './announcement.js';
