export interface TraceSettings {
  /** Share of the messages that is traced, above 0, to 1. */
  readonly sample: number;
  readonly topic: string;
}
