// What the members write into the bank. Rows are locked in one order everywhere: those who lock them in another one wait for
// each other until the database ends one of them.
import type { ClientBase } from 'pg';
import type { Transfer } from '../plan.js';

const LOCK = 'SELECT 1 FROM accounts WHERE id = ANY($1::int[]) ORDER BY id FOR UPDATE';

export async function debit(client: ClientBase, producer: number, transfers: readonly Transfer[]): Promise<void> {
  const [ids, from, to, cents] = columnsOf(transfers);
  await client.query(
    `INSERT INTO orders (producer, id, debtor, creditor, cents)
     SELECT $1, * FROM unnest($2::int[], $3::int[], $4::int[], $5::int[])`,
    [producer, ids, from, to, cents],
  );
  await client.query(LOCK, [from]);
  await client.query(
    `UPDATE accounts SET balance = balance - taken.cents
     FROM (SELECT id, sum(cents) AS cents FROM unnest($1::int[], $2::int[]) AS t(id, cents) GROUP BY id) taken
     WHERE accounts.id = taken.id`,
    [from, cents],
  );
}

export async function credit(client: ClientBase, transfers: readonly Transfer[]): Promise<void> {
  const [ids, , to, cents] = columnsOf(transfers);
  await client.query(
    'INSERT INTO bookings (transfer, creditor, cents) SELECT * FROM unnest($1::int[], $2::int[], $3::int[])',
    [ids, to, cents],
  );
  await client.query(LOCK, [to]);
  await client.query(
    `UPDATE accounts SET balance = balance + given.cents
     FROM (SELECT id, sum(cents) AS cents FROM unnest($1::int[], $2::int[]) AS t(id, cents) GROUP BY id) given
     WHERE accounts.id = given.id`,
    [to, cents],
  );
}

function columnsOf(transfers: readonly Transfer[]): [number[], number[], number[], number[]] {
  return [
    transfers.map(({ id }) => id),
    transfers.map(({ from }) => from),
    transfers.map(({ to }) => to),
    transfers.map(({ cents }) => cents),
  ];
}
