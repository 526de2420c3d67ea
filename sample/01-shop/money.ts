// Sums of money are whole numbers of ten-thousandths: 0.1 + 0.2 has no place in a ledger.
const SCALE = 10_000;

/** '2.55' -> 25500. Throws on anything but a decimal number with at most four places. */
export function parseMoney(text: string): number {
  const match = /^(-?)(\d{1,11})(?:\.(\d{1,4}))?$/.exec(text);
  if (!match) throw new Error(`"${text}" is not a sum of money with at most four decimal places`);
  const [, sign, whole, fraction = ''] = match;
  const value = Number(whole) * SCALE + Number(fraction.padEnd(4, '0'));
  return sign === '-' && value !== 0 ? -value : value;
}

/** 25500 -> '2.55': at least two decimal places, more only where they are needed. */
export function formatMoney(value: number): string {
  const digits = String(Math.abs(value)).padStart(5, '0');
  const fraction = digits.slice(-4).replace(/0{1,2}$/, '');
  return `${value < 0 ? '-' : ''}${digits.slice(0, -4)}.${fraction}`;
}
