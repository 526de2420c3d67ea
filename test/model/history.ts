import type { Group } from './plan.js';
import type { Sent } from './model.js';

export interface Entered {
  readonly id: number;
  readonly group: Group;
  readonly member: number;
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly queueId: number;
  readonly queueOffset: number;
  /** How many events came before. */
  readonly order: number;
  /** What the message itself said. */
  readonly seen: { readonly kind: string | undefined; readonly tag: string | undefined; readonly topic: string };
  /** Its place among the events when the group was done with it: acknowledged, or given up. */
  settledOrder?: number;
  /** Whether its listener was held at that moment. */
  readonly whilePaused: boolean;
}

export interface Letter {
  readonly group: Group;
  readonly id: number;
  readonly attempts: number;
  readonly errorClass: string;
}

/** A group was moved to the oldest message. */
export interface Reset {
  readonly group: Group;
  /** How many events came before. */
  readonly order: number;
}

/** All that a life has shown from outside. */
export interface History {
  readonly calm: boolean;
  readonly sent: readonly Sent[];
  readonly entered: readonly Entered[];
  readonly letters: readonly Letter[];
  readonly resets: readonly Reset[];
  /** What the engine threw where nothing may be thrown. */
  readonly strays: readonly string[];
}
