import type { INestApplicationContext } from '@nestjs/common';
import type { Capability } from '../behaviour.js';
import type { ApplicationSpec } from '../world.js';

export interface LogLine {
  readonly level: string;
  readonly text: string;
}

/** A way to run: where the broker of a behaviour is and how time passes. */
export interface Target {
  readonly name: string;
  readonly capabilities: ReadonlySet<Capability>;
  /** Why a behaviour of this name is not shown here; undefined: it is. */
  excludes?(name: string): string | undefined;
  open(): Promise<OpenTarget>;
}

/** One broker, fresh, for one behaviour. */
export interface OpenTarget {
  readonly log: readonly LogLine[];
  now(): number;
  /** Milliseconds by which anything may be late that has a time. */
  readonly slack: number;
  createApplication(spec: ApplicationSpec): Promise<INestApplicationContext>;
  until(condition: () => boolean, what: string, limit: number): Promise<void>;
  pass(milliseconds: number): Promise<void>;
  quiet(): Promise<void>;
  passing<T>(promise: Promise<T>): Promise<T>;
  restart(how: 'orderly' | 'crash'): Promise<void>;
  close(): Promise<void>;
}
