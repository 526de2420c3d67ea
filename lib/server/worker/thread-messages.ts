import type { Logger } from '../../platform/index.js';
import type { PortEnd } from '../../remoting/index.js';
import type { HostHealth } from '../broker-host.js';
import type { BrokerSettings } from '../settings/broker-settings.js';
import type { ProcessIdentity } from '../sharing/process-identity.js';
import type { SharingHealth } from '../sharing/sharing-health.js';
import type { CrossingError } from './crossing-error.js';

/** What the broker's thread is started with. */
export interface ThreadStart {
  readonly settings: BrokerSettings;
  /** A thread has a start of its own; for others of the machine the process is one. */
  readonly identity: ProcessIdentity;
  /** Whether a thread before this one has crashed: then the clients of this process live, whatever the store looks like. */
  readonly again: boolean;
}

/** What the host's thread asks for; each is answered once, under the same id. */
export type ThreadQuestion =
  | { readonly id: number; readonly ask: 'connect'; readonly address: string; readonly end: PortEnd }
  | { readonly id: number; readonly ask: 'report' }
  | { readonly id: number; readonly ask: 'close' };

/** How the broker is, as its thread knows it. */
export interface ThreadReport {
  readonly summary: string;
  readonly host: HostHealth | undefined;
  readonly sharing: SharingHealth | undefined;
}

export type ThreadMessage =
  | { readonly kind: 'started'; readonly summary: string }
  | { readonly kind: 'refused'; readonly error: CrossingError }
  | { readonly kind: 'answer'; readonly id: number; readonly report?: ThreadReport; readonly error?: CrossingError }
  | {
      readonly kind: 'log';
      readonly level: keyof Logger;
      readonly message: string;
      /** Undefined: the line has no cause. */
      readonly cause?: CrossingError;
    };
