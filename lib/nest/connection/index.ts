export { type BrokerAccess, ConnectionEnvironment, type InterceptorFactory } from './connection-environment.js';
export { MessagingConnection } from './messaging-connection.js';
export { MessagingConnections } from './messaging-connections.js';
export { isLinkedTransport, LINK_TRANSPORT, TransportHost } from './transport-host.js';
