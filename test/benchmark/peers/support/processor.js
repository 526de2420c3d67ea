// Processor time, user and kernel together, as the kernel counts it (in hundredths of a second).
import { readFileSync } from 'node:fs';

const MICROS_A_TICK = 10_000;

/** Of these processes and of their children that have ended; those that are gone count nothing. */
export function processorMicros(pids) {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      // utime, stime, cutime, cstime
      for (const place of [11, 12, 13, 14]) ticks += Number(fields[place]);
    } catch {
      // Gone.
    }
  }
  return ticks * MICROS_A_TICK;
}
