/** A topic for each phase, its group has the same name. Two queues: each of the two consumers has one. */
export const PHASES = ['race', 'zombies', 'deaths', 'forgetful', 'control'] as const;
export type Phase = (typeof PHASES)[number];

export interface Payment {
  readonly id: number;
}

export interface ConsumerSettings {
  readonly name: string;
  readonly nameServer: string;
  readonly ioredis: 5 | 6;
  /** Keeps its marks through a restart. */
  readonly store: string;
  /** Does not. */
  readonly forgetful: string;
  /** Where effects are counted. */
  readonly effects: string;
}

/** What a consumer tells. */
export type Told =
  | { readonly ready: true }
  /** A handler of the phase with zombies is at its work, which takes `WORK_MILLIS`. */
  | { readonly begun: number }
  /** Of this process, since it began; by phase. */
  | { readonly counts: Partial<Record<Phase, Counts>> };

export type Counts = Record<string, number>;

/** Zombies stand still for longer than this. */
export const LEASE_MILLIS = 1_200;
/** Of handlers whose process is killed: longer than a busy machine stands still, since whoever works past the end of its lease does so twice. */
export const DEATHS_LEASE_MILLIS = 6_000;
/** Longer than a third of the lease, so that it is extended before the process stands still. */
export const WORK_MILLIS = 1_000;
export const ZOMBIE_CONCURRENCY = 8;
export const CONCURRENCY = 32;

/** The keys of the Redis that counts. */
export const effectsOf = (phase: Phase): string => `effects:${phase}`;
export const seenBy = (phase: Phase, consumer: string): string => `seen:${phase}:${consumer}`;
