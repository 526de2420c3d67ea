import type { Platform } from '../../platform/index.js';
import type { RequestHandler } from '../../remoting/index.js';
import type { MessageStore } from '../../store/index.js';
import type { Consumers } from '../consumers.js';
import type { HeldPulls } from '../held-pulls.js';
import type { OffsetBook } from '../offset-book.js';
import type { ResolvedBrokerOptions } from '../options.js';
import type { PositionResets } from '../position-resets.js';
import type { Producers } from '../producers.js';
import type { TopicManager } from '../topic-manager.js';
import type { Traffic } from '../traffic/traffic.js';

/** What the processors of administration work with. */
export interface AdminParts {
  readonly store: MessageStore;
  readonly topics: TopicManager;
  readonly consumers: Consumers;
  readonly producers: Producers;
  readonly offsets: OffsetBook;
  readonly resets: PositionResets;
  readonly held: HeldPulls;
  readonly traffic: Traffic;
  readonly options: ResolvedBrokerOptions;
  readonly platform: Platform;
}

/** Who serves which request codes. */
export type Handlers = readonly (readonly [code: number, handler: RequestHandler])[];
