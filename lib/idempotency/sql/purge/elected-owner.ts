import { NOW_MILLIS } from '../database-clock.js';
import type { SqlAdapter } from '../sql-adapter.js';

// A row of nestmq_lock (schema/lock-table.ts), and not the advisory locks that PostgreSQL and MySQL have: those belong to a
// session, and neither a pool nor an ORM nor PgBouncer leaves us the session. What is done under a lease must therefore bear
// being done by two for a moment: one that was asleep for longer than its lease goes on until it asks again.

/** One of all those that want the same name: the first to come, until it resigns or has been silent for the lease. */
export class ElectedOwner {
  constructor(
    private readonly adapter: Pick<SqlAdapter, 'dialect' | 'query'>,
    private readonly name: string,
    /** A text that nobody else has. */
    private readonly id: string,
    readonly leaseMillis: number,
  ) {}

  /** Takes what is free, and extends what is ours. */
  async claim(): Promise<boolean> {
    const { dialect, query } = this.adapter;
    const now = NOW_MILLIS[dialect];
    const extended = await query(
      `UPDATE nestmq_lock SET owner = $1, leased_until = ${now} + $2 WHERE name = $3 AND (owner = $4 OR leased_until <= ${now})`,
      [this.id, this.leaseMillis, this.name, this.id],
    );
    if (extended.affected > 0) return true;
    const row = `INTO nestmq_lock (name, owner, leased_until) VALUES ($1, $2, ${now} + $3)`;
    const first = await query(dialect === 'mysql' ? `INSERT IGNORE ${row}` : `INSERT ${row} ON CONFLICT DO NOTHING`, [
      this.name,
      this.id,
      this.leaseMillis,
    ]);
    return first.affected > 0;
  }

  /** Leaves it to the next that asks; nothing happens when it is no longer ours. */
  async resign(): Promise<void> {
    await this.adapter.query('UPDATE nestmq_lock SET leased_until = 0 WHERE name = $1 AND owner = $2', [
      this.name,
      this.id,
    ]);
  }
}
