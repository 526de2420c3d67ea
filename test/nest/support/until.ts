/**
 * Waits for the condition to hold; fails naming it. No fixed sleeps: it looks again every few milliseconds. The limit is there to
 * end a hang before the test framework does, which could not name it.
 */
export async function until(condition: () => unknown, what: string, millis = 25_000): Promise<void> {
  const end = performance.now() + millis;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${millis} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A promise with its keys. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
