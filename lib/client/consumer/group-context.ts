import type { ClientCore } from '../connection/client-core.js';
import type { ConsumerSettings } from '../options.js';

/** What the parts of one group's consumer share. */
export interface GroupContext {
  readonly core: ClientCore;
  readonly settings: ConsumerSettings;
  /** `%RETRY%group` */
  readonly retryTopic: string;
}
