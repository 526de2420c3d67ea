import { processorMicros } from './processor.js';

const EVERY_MILLIS = 100;

/** Processor time of programs that measure themselves: sampled beside them, asked for afterwards. */
export class ProcessorSamples {
  samples = [];

  /** @param groups pids by name, as functions */
  constructor(groups) {
    this.groups = groups;
    this.take();
    this.timer = setInterval(() => this.take(), EVERY_MILLIS);
  }

  take() {
    const sample = { at: performance.now() };
    for (const [name, pids] of Object.entries(this.groups)) sample[name] = processorMicros(pids());
    this.samples.push(sample);
  }

  /** Between two moments of `performance.now()`, as a share of what was counted in that time. */
  between(from, to, count) {
    const near = (at) =>
      this.samples.reduce((best, sample) => (Math.abs(sample.at - at) < Math.abs(best.at - at) ? sample : best));
    const [first, last] = [near(from), near(to)];
    const scale = (to - from) / (last.at - first.at);
    const entries = Object.keys(this.groups).map((name) => [name, ((last[name] - first[name]) * scale) / count]);
    return Object.fromEntries(entries);
  }

  stop() {
    clearInterval(this.timer);
  }
}
