export { MessagingConnection } from './messaging-connection.js';
export { MessagingConnections } from './messaging-connections.js';
