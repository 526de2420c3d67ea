export type { Admission, Asker, Channel, Connector, RequestHandler, Respond } from './channel.js';
export {
  decodeFrame,
  encodeFrame,
  MAX_FRAME_BYTES,
  MAX_HEADER_BYTES,
  SERIALIZE_BINARY,
  SERIALIZE_JSON,
  type SerializeType,
} from './frame.js';
export { FrameParser, type FrameSink } from './frame-parser.js';
export { type FieldSource, requestFields, responseFields } from './header-fields.js';
export { createInProcessPair, IN_PROCESS_ADDRESS, InProcessConnector } from './in-process-channel.js';
export { languageName } from './languages.js';
export { createPortCounters, PortChannel, type PortEnd } from './port/port-channel.js';
export type { RemotingCounters } from './remoting-counters.js';
export { SigningConnector } from './signing-connector.js';
export { formatAddress, parseAddress, unixAddress, unixPath } from './socket-address.js';
export { TcpConnector, type TcpConnectorOptions } from './tcp-connector.js';
export { TcpServer, type TcpServerOptions } from './tcp-server.js';
export type { ClientTls } from './tls/client-tls.js';
export { readOptionalPem, readPem } from './tls/pem.js';
export type { ServerTls } from './tls/tls-door.js';
