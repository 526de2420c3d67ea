import { SystemClock } from '../../lib/platform/index.js';

/** Fifteen seconds of patience pass in one and a half. */
export class HastyClock extends SystemClock {
  override monotonic(): number {
    return super.monotonic() * 10;
  }
  override after(milliseconds: number, callback: () => void) {
    return super.after(milliseconds / 10, callback);
  }
  override sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(milliseconds / 10, signal);
  }
}

/** Pauses above a second and a half do not end: what comes about by this clock waits for none of them. */
export class ClockOfShortPauses extends SystemClock {
  override sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(milliseconds > 1_500 ? Number.POSITIVE_INFINITY : milliseconds, signal);
  }
}

/** By it no time passes for who waits: on a busy machine the next host, or thread, may come later than a client waits. */
export function patientClock(): SystemClock {
  return Object.assign(new SystemClock(), { monotonic: () => 0 });
}
