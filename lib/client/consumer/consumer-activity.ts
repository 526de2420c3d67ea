import type { Clock } from '../../platform/index.js';
import type { ConsumeStatus } from '../../protocol/index.js';
import type { HandlerTimes } from '../dispatch/handler-times.js';
import type { OutcomeCounts } from '../counts.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Between two samples that are kept for an hour. */
const COARSE = 5 * MINUTE;

/** Counts that only grow. */
interface Totals {
  pulled: number;
  pulls: number;
  pullMillis: number;
  handled: number;
  failed: number;
  timed: number;
  handlerMillis: number;
}

interface Sample extends Totals {
  readonly at: number;
}

interface Topic {
  readonly pulls: Pick<Totals, 'pulled' | 'pulls' | 'pullMillis'>;
  readonly fine: Sample[];
  readonly coarse: Sample[];
}

interface Measured {
  readonly binding: { readonly topic: string };
  readonly counts: OutcomeCounts;
  readonly times: HandlerTimes;
}

/** How busy a consumer is with each of its topics. Counted per pull; what handlers do is read off their own counts. */
export class ConsumerActivity {
  private readonly topics = new Map<string, Topic>();

  constructor(
    private readonly listeners: { all(): Iterable<Measured> },
    private readonly clock: Clock,
  ) {}

  notePull(topic: string, messages: number, millis: number): void {
    const { pulls } = this.of(topic);
    pulls.pulls++;
    pulls.pulled += messages;
    pulls.pullMillis += millis;
  }

  /** Called every few seconds. */
  sample(): void {
    for (const listener of this.listeners.all()) this.of(listener.binding.topic);
    for (const [name, topic] of this.topics) {
      const sample = this.totals(name, topic);
      keep(topic.fine, sample, MINUTE);
      if (sample.at - (topic.coarse.at(-1)?.at ?? -COARSE) >= COARSE) keep(topic.coarse, sample, HOUR);
    }
  }

  /** Rates of the last minute; failures of the last hour. */
  status(name: string): ConsumeStatus {
    const topic = this.of(name);
    const now = this.totals(name, topic);
    const minuteAgo = sinceWhen(topic.fine, now.at - MINUTE);
    const hourAgo = sinceWhen(topic.coarse, now.at - HOUR);
    const seconds = Math.max(1, now.at - (minuteAgo?.at ?? 0)) / 1000;
    const grown = (what: keyof Totals): number => now[what] - (minuteAgo?.[what] ?? 0);
    const handled = grown('handled') - grown('failed');
    return {
      pullRT: mean(grown('pullMillis'), grown('pulls')),
      pullTPS: minuteAgo === undefined ? 0 : grown('pulled') / seconds,
      consumeRT: mean(grown('handlerMillis'), grown('timed')),
      consumeOKTPS: minuteAgo === undefined ? 0 : handled / seconds,
      consumeFailedTPS: minuteAgo === undefined ? 0 : grown('failed') / seconds,
      consumeFailedMsgs: now.failed - (hourAgo?.failed ?? 0),
    };
  }

  private of(name: string): Topic {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = { pulls: { pulled: 0, pulls: 0, pullMillis: 0 }, fine: [], coarse: [] };
      this.topics.set(name, topic);
      const start = this.totals(name, topic);
      topic.fine.push(start);
      topic.coarse.push(start);
    }
    return topic;
  }

  private totals(name: string, { pulls }: Topic): Sample {
    const totals = { at: this.clock.monotonic(), ...pulls, handled: 0, failed: 0, timed: 0, handlerMillis: 0 };
    for (const { binding, counts, times } of this.listeners.all()) {
      if (binding.topic !== name) continue;
      const failed = counts.retried + counts.deadLettered + counts.failed;
      totals.handled += counts.acknowledged + failed;
      totals.failed += failed;
      totals.timed += times.count;
      totals.handlerMillis += times.millis;
    }
    return totals;
  }
}

function keep(samples: Sample[], sample: Sample, millis: number): void {
  samples.push(sample);
  // The one before the span stays: it says what the counts were when the span began.
  while (samples.length > 1 && samples[1]!.at <= sample.at - millis) samples.shift();
}

/** The latest sample at or before this time, else the first one. */
function sinceWhen(samples: readonly Sample[], at: number): Sample | undefined {
  return samples.findLast((sample) => sample.at <= at) ?? samples[0];
}

function mean(sum: number, count: number): number {
  return count === 0 ? 0 : sum / count;
}
