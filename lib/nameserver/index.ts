export { NameServer } from './name-server.js';
export type { LocalBroker } from './name-server.js';
export type { AnnouncedTopic } from './route-table.js';
