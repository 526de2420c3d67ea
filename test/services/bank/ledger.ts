import type { ClientBase } from 'pg';
import { ACCOUNTS, expectedBalances, OPENING_CENTS, transferOf } from './plan.js';

/*
 * The bank. Money is taken from an account in the transaction of the producer and put into the other one in the transaction
 * of the listener: what is lost in between is missing from the sum of the balances, what comes twice is too much in it.
 *
 *   accounts (id, balance)
 *   orders   (id, producer, debtor, creditor, cents)   the producer's: written with the debit and the message
 *   bookings (n, transfer, creditor, cents)            the listener's: written with the credit; nothing but the inbox
 *                                                      keeps a transfer from standing there twice
 */
const TABLES = `
  CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
  CREATE TABLE orders (
    id int PRIMARY KEY, producer int NOT NULL, debtor int NOT NULL, creditor int NOT NULL, cents int NOT NULL
  );
  CREATE INDEX orders_of_producer ON orders (producer, id);
  CREATE TABLE bookings (n bigserial PRIMARY KEY, transfer int NOT NULL, creditor int NOT NULL, cents int NOT NULL);
`;

export async function openBank(database: ClientBase): Promise<void> {
  await database.query(TABLES);
  await database.query('INSERT INTO accounts SELECT id, $1 FROM generate_series(0, $2) id', [
    OPENING_CENTS,
    ACCOUNTS - 1,
  ]);
}

/** What the judge found; all zeros when each transfer was booked once. */
export interface Findings {
  /** Sum of all balances less what it was at first, in cents. */
  readonly sum: number;
  /** Ordered transfers that were never booked. */
  readonly lost: number;
  /** Bookings beyond the first of a transfer. */
  readonly duplicates: number;
  /** Orders and bookings that are missing from, or are other than in the plan. */
  readonly wrong: number;
  /** Accounts that do not hold what the plan says. */
  readonly balances: number;
}

/** Reads the bank as it stands, by a connection of its own, and knows nothing of messages. */
export async function judge(database: ClientBase, transfers: number): Promise<Findings> {
  const { rows: orders } = await database.query('SELECT id, debtor, creditor, cents FROM orders');
  const { rows: bookings } = await database.query('SELECT transfer, creditor, cents FROM bookings');
  const { rows: accounts } = await database.query('SELECT id, balance::float8 AS balance FROM accounts');
  const ordered = new Set<number>();
  const booked = new Set<number>();
  let wrong = 0;
  let duplicates = 0;
  for (const { id, debtor, creditor, cents } of orders) {
    const plan = transferOf(id);
    if (id > transfers || plan.from !== debtor || plan.to !== creditor || plan.cents !== cents) wrong++;
    ordered.add(id);
  }
  wrong += transfers - ordered.size;
  for (const { transfer, creditor, cents } of bookings) {
    const plan = transferOf(transfer);
    if (!ordered.has(transfer) || plan.to !== creditor || plan.cents !== cents) wrong++;
    if (booked.has(transfer)) duplicates++;
    booked.add(transfer);
  }
  const expected = expectedBalances(transfers);
  let sum = -ACCOUNTS * OPENING_CENTS;
  for (const { balance } of accounts) sum += balance;
  return {
    sum,
    lost: [...ordered].filter((id) => !booked.has(id)).length,
    duplicates,
    wrong,
    balances: expected.length - accounts.filter(({ id, balance }) => expected[id] === balance).length,
  };
}

export function isClean(findings: Findings): boolean {
  return Object.values(findings).every((count) => count === 0);
}
