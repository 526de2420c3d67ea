export { Broker } from './broker.js';
export type { BrokerFigures } from './broker.js';
export type { BrokerOptions, ResolvedBrokerOptions } from './options.js';
export type { TopicListener } from './topic-manager.js';
export { serveByTable } from './request-table.js';
