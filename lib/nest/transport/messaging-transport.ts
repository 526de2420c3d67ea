/**
 * Pins a handler to the `MessagingServer` where an application has other strategies too:
 * `@EventPattern('orders:created', MESSAGING_TRANSPORT)`.
 *
 * @publicApi
 */
export const MESSAGING_TRANSPORT: symbol = Symbol.for('nestmq.MessagingServer');
