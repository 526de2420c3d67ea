import type { StatsWindow } from '../../protocol/index.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Point {
  readonly at: number;
  readonly messages: number;
  readonly bytes: number;
  readonly times: number;
}

/** What a count was at times past, one point a step at the most; a count at rest gets no points. */
class Series {
  private readonly points: Point[] = [];

  constructor(
    private readonly stepMillis: number,
    private readonly spanMillis: number,
  ) {}

  add(point: Point): void {
    const { points } = this;
    const last = points.at(-1);
    if (last !== undefined && (point.at - last.at < this.stepMillis || point.times === last.times)) return;
    points.push(point);
    // The one before the span stays: it says what the count was when the span began.
    while (points.length > 1 && points[1]!.at <= point.at - this.spanMillis) points.shift();
  }

  /** The latest point at or before this time. */
  before(at: number): Point | undefined {
    return this.points.findLast((point) => point.at <= at);
  }
}

/** Messages and bytes that went one way, and how many there were within the last minute, hour and day. */
export class Meter {
  messages = 0;
  bytes = 0;
  /** Requests that they came with. */
  times = 0;
  private readonly fine: Series;
  private readonly middle = new Series(10 * MINUTE, HOUR);
  private readonly coarse = new Series(HOUR, DAY);

  /** @param since monotonic milliseconds; before, there was nothing. */
  constructor(
    private readonly since: number,
    fineMillis = MINUTE,
  ) {
    this.fine = new Series(10 * SECOND, fineMillis);
  }

  add(messages: number, bytes: number, times = 1): void {
    this.messages += messages;
    this.bytes += bytes;
    this.times += times;
  }

  /** Called every ten seconds. */
  sample(at: number): void {
    const { messages, bytes, times } = this;
    const point = { at, messages, bytes, times };
    this.fine.add(point);
    this.middle.add(point);
    this.coarse.add(point);
  }

  minute(at: number, what: 'messages' | 'bytes' = 'messages'): StatsWindow {
    return this.window(this.fine, at, MINUTE, what);
  }

  hour(at: number, what: 'messages' | 'bytes' = 'messages'): StatsWindow {
    return this.window(this.middle, at, HOUR, what);
  }

  day(at: number, what: 'messages' | 'bytes' = 'messages'): StatsWindow {
    return this.window(this.coarse, at, DAY, what);
  }

  /** Messages per second within the last milliseconds, no more than the span that is remembered finely. */
  rate(at: number, millis: number): number {
    return this.window(this.fine, at, millis, 'messages').tps;
  }

  private window(series: Series, at: number, millis: number, what: 'messages' | 'bytes'): StatsWindow {
    const from = series.before(at - millis);
    const sum = this[what] - (from?.[what] ?? 0);
    const times = this.times - (from?.times ?? 0);
    const seconds = Math.max(1, Math.min(millis, at - this.since) / SECOND);
    return { sum, tps: sum / seconds, avgpt: times === 0 ? 0 : sum / times };
  }
}
