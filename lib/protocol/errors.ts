/** The closed list of what can go wrong. Codes are stable; messages are for people. */
export const MESSAGING_ERROR_CODES = [
  'BAD_ARGUMENT',
  'NAME_INVALID',
  'MESSAGE_TOO_LARGE',
  'PROPERTIES_INVALID',
  'CONFIGURATION',
  'TOPIC_NOT_FOUND',
  'GROUP_NOT_FOUND',
  'QUEUE_UNAVAILABLE',
  'OFFSET_OUT_OF_RANGE',
  'NO_PERMISSION',
  'NOT_SUPPORTED',
  'TIMEOUT',
  'CONNECT_FAILED',
  'TLS_FAILED',
  'CHANNEL_CLOSED',
  'FRAME_INVALID',
  'RECORD_INVALID',
  'BROKER_BUSY',
  'BROKER_ERROR',
  'SHUTTING_DOWN',
  'STORE_LOCKED',
  'STORE_NEWER',
  'STORE_DAMAGED',
  'STORE_FENCED',
  'STORE_CLOSED',
  'DISK_FULL',
  'UNDECODABLE',
  'PAYLOAD_UNENCODABLE',
  'REQUEST_FAILED',
  'IDEMPOTENCY_STORE_FAILED',
  'DATABASE_BUSY',
  'DATABASE_UNAVAILABLE',
  'DATABASE_ERROR',
] as const;

export type MessagingErrorCode = (typeof MESSAGING_ERROR_CODES)[number];

const RETRYABLE: ReadonlySet<MessagingErrorCode> = new Set([
  'QUEUE_UNAVAILABLE',
  'TIMEOUT',
  'CONNECT_FAILED',
  'CHANNEL_CLOSED',
  'BROKER_BUSY',
  'BROKER_ERROR',
  'DISK_FULL',
  'IDEMPOTENCY_STORE_FAILED',
  'DATABASE_BUSY',
  'DATABASE_UNAVAILABLE',
]);

/** Every failure that leaves this package. `retryable` says whether the same call may succeed later, unchanged. */
export class MessagingError extends Error {
  override readonly name: string = 'MessagingError';
  readonly retryable: boolean;

  constructor(
    readonly code: MessagingErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable ?? RETRYABLE.has(code);
  }
}
