/** Everybody starts with this, in cents. */
export const OPENING_CENTS = 1_000_000;
export const ACCOUNTS = 10_000;

/** Comes in batches of which each is one transaction. */
export const TRANSFERS = 'transfers';
/** Every so many of them are handled one by one. */
export const URGENT = 'urgent-transfers';
const URGENT_EVERY = 50;

/** One transfer; all of it follows from its number, so that the judge needs to believe nobody. */
export interface Transfer {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly cents: number;
}

export function transferOf(id: number): Transfer {
  // Knuth's multiplicative hash: neighbours have accounts of their own, as payments of a bank have.
  const mixed = Math.imul(id, 2_654_435_761) >>> 0;
  const from = mixed % ACCOUNTS;
  const to = (from + 1 + ((mixed >>> 12) % (ACCOUNTS - 1))) % ACCOUNTS;
  return { id, from, to, cents: 1 + (mixed % 97) };
}

export function topicOf(id: number): string {
  return id % URGENT_EVERY === 0 ? URGENT : TRANSFERS;
}

/** What each account must hold when all transfers up to `count` are through. */
export function expectedBalances(count: number): number[] {
  const balances = new Array<number>(ACCOUNTS).fill(OPENING_CENTS);
  for (let id = 1; id <= count; id++) {
    const { from, to, cents } = transferOf(id);
    balances[from]! -= cents;
    balances[to]! += cents;
  }
  return balances;
}

/** The numbers that one of several producers sends, from the first after `last` on, to `until`; in ascending order. */
export function numbersOf(producer: number, producers: number, last: number, until: number): number[] {
  const numbers: number[] = [];
  for (let id = last === 0 ? producer + 1 : last + producers; id <= until; id += producers) numbers.push(id);
  return numbers;
}
