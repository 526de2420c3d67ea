import type { BrokerSettings } from '../settings/broker-settings.js';
import type { CrossingError } from '../worker/crossing-error.js';

/** What the parent tells a shard. */
export type ShardOrder =
  | { readonly order: 'start'; readonly settings: BrokerSettings }
  | { readonly order: 'reload' }
  | { readonly order: 'stop' };

/** What a shard tells its parent. */
export type ShardMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'started'; readonly address: string; readonly summary: string }
  | { readonly kind: 'refused'; readonly error: CrossingError }
  | { readonly kind: 'reloaded'; readonly error?: CrossingError }
  | { readonly kind: 'log'; readonly level: 'warn' | 'log' | 'debug' | 'verbose'; readonly message: string }
  | { readonly kind: 'log'; readonly level: 'error'; readonly message: string; readonly cause?: CrossingError };
