/** `nestmq/client`: the client on its own, without Nest. */
export * from './client/index.js';
export { systemPlatform } from './platform/index.js';
export type { Logger, Platform } from './platform/index.js';
export { type Credentials, MessagingError, type MessagingErrorCode } from './protocol/index.js';
export { TcpConnector, type ClientTls, type Connector, type TcpConnectorOptions } from './remoting/index.js';
