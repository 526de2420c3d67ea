const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;

/** Milliseconds as a number, or a number with a unit: `'500ms'`, `'30s'`, `'1.5h'`, `'7d'`. */
export type Duration = number | string;

/** Milliseconds of a duration; undefined when it is none. */
export function durationMillis(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = PATTERN.exec(value.trim());
  return match === null ? undefined : Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
}
