export { ConnectionOutbox, type OutboxReport } from './connection-outbox.js';
export { type OutboxRelaySettings, type OutboxSettings, type ResolvedOutbox, resolveOutbox } from './outbox-options.js';
