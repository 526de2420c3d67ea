import type { Logger } from '@nestjs/common';
import type { DeliveringListener } from '../../idempotency/index.js';
import type { MessageConverter } from '../payload/index.js';

/** What the handler of a listener has to know of it. */
export interface HandlerSettings {
  readonly name: string;
  readonly group: string;
  readonly connection: string;
  readonly converter: MessageConverter;
  /** The declared type of the payload, when the compiler emitted it. */
  readonly payloadType: unknown;
  readonly logger: Logger;
  /** For interceptors that handle messages once. */
  readonly listener: DeliveringListener | undefined;
}
