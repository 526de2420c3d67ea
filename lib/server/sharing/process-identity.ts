import { hostname } from 'node:os';

/** Tells processes apart, also those of two containers that both have pid 1. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly hostName: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, hostName: hostname(), startedAt: Math.round(performance.timeOrigin) };
}

export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.hostName === b.hostName && a.startedAt === b.startedAt;
}
