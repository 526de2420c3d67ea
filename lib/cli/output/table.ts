/** Names come from the wire: nobody's topic shall move the cursor or forge a line of a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\ufffd');
}

type Cell = string | number | boolean | Date | null | undefined;

/** Columns under their names, numbers to the right; `-` where there is nothing. */
export function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(cellText));
  const widths = columns.map((column, at) => Math.max(column.length, ...texts.map((row) => row[at]!.length)));
  const isNumber = columns.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (isNumber[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.toUpperCase())), ...texts.map(line)].join('\n');
}

/** One thing, a line for each of its sides. */
export function details(sides: Readonly<Record<string, Cell>>): string {
  const width = Math.max(...Object.keys(sides).map((name) => name.length));
  return Object.entries(sides)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${name.padEnd(width)}  ${cellText(value)}`)
    .join('\n');
}

function cellText(value: Cell): string {
  if (value === undefined || value === null || value === '') return '-';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '-' : value.toISOString();
  return printable(String(value));
}

/** `850ms`, `12s`, `3m`, `5h`, `2d`. */
export function age(millis: number): string {
  if (millis < 1000) return `${Math.round(millis)}ms`;
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
  ] as const;
  for (const [unit, size] of units) if (millis >= 2 * size) return `${Math.floor(millis / size)}${unit}`;
  return `${Math.floor(millis / 1000)}s`;
}
