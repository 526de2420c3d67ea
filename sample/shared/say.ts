const lines: string[] = [];
const LONGEST_MILLIS = 60_000;

/** Prints a line. */
export function say(line: string): void {
  lines.push(line);
  console.log(line);
}

/** Resolves when so many lines are printed in all: a sample ends when its messages have come, and not before. */
export async function said(count: number): Promise<void> {
  const deadline = performance.now() + LONGEST_MILLIS;
  while (lines.length < count) {
    if (performance.now() > deadline) throw new Error(`${lines.length} lines of ${count} after ${LONGEST_MILLIS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
