import type { ConsumeMode, KeyOrderOption, RateLimit } from '../../client/index.js';
import type { MessageFilter } from '../../protocol/index.js';
import type { HostClass } from '../nest-internals.js';

/** One `@MessageListener`, checked and with all defaults. */
export interface ListenerDefinition {
  /** `Class.method`, with a number behind it when there are several; unique in the application. */
  readonly name: string;
  readonly connection: string;
  readonly group: string;
  readonly topic: string;
  readonly filter: MessageFilter;
  readonly mode: ConsumeMode;
  readonly from: 'latest' | 'earliest' | Date;
  readonly concurrency: number | undefined;
  readonly maxReconsumeTimes: number | undefined;
  readonly backoff: readonly number[] | ((attempt: number) => number) | undefined;
  readonly keyOrder: KeyOrderOption | undefined;
  readonly rateLimit: RateLimit | undefined;
  readonly retryRequests: boolean | undefined;
  readonly host: HostClass;
  readonly methodName: string;
}
