export { BROKER_TRANSPORT, BrokerServer, type BrokerServerEvents, type BrokerServerStatus } from './broker.server.js';
export { MESSAGING_TRANSPORT } from './messaging-transport.js';
