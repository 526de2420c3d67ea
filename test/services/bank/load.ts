import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Executioner } from './executioner.js';
import type { Member } from './fleet.js';

const TICK_MILLIS = 100;
/** Transfers that are on their way at most; more would only make a queue. */
const UNDER_WAY = 4_000;
/** Let go when nothing was booked for so many ticks, since then a point may wait for something to interrupt. */
const MORE = 100;
const STALLED_TICKS = 10;

export interface Counts {
  readonly ordered: number;
  readonly bookings: number;
  /** Transfers with a booking. */
  readonly booked: number;
  /** Messages in the outbox that are not known to be sent. */
  readonly waiting: number;
  /** Rows of the inbox. */
  readonly marks: number;
}

/** Lets the producers go on at the pace of the listeners, and never to the end before all points have come. */
export class Load {
  constructor(
    private readonly transfers: number,
    private readonly producers: readonly Member[],
    private readonly executioner: Executioner,
    private readonly connect: () => Promise<Client>,
  ) {}

  /** Resolves when all transfers may be ordered. */
  async release(): Promise<void> {
    let released = 0;
    let before = -1;
    let stalled = 0;
    while (released < this.transfers) {
      const booked = await this.ask('SELECT last_value::int4 AS n FROM bookings_n_seq');
      // Each point has its share, so that there is something to interrupt at the last one too.
      const share = Math.floor(this.transfers * this.executioner.done);
      const room = Math.min(share, booked + UNDER_WAY) - released;
      stalled = booked === before ? stalled + 1 : 0;
      before = booked;
      const more = stalled > STALLED_TICKS ? MORE : 0;
      if (more > 0) stalled = 0;
      const step = Math.min(Math.max(room, more), this.transfers - released);
      if (step > 0) {
        released += step;
        for (const producer of this.producers) producer.tell({ until: released });
      }
      await sleep(TICK_MILLIS);
    }
  }

  async count(): Promise<Counts> {
    return {
      ordered: await this.ask('SELECT count(*)::int4 AS n FROM orders'),
      bookings: await this.ask('SELECT count(*)::int4 AS n FROM bookings'),
      booked: await this.ask('SELECT count(DISTINCT transfer)::int4 AS n FROM bookings'),
      waiting: await this.ask('SELECT count(*)::int4 AS n FROM nestmq_outbox WHERE sent_at IS NULL'),
      marks: await this.ask('SELECT count(*)::int4 AS n FROM nestmq_inbox'),
    };
  }

  private async ask(statement: string): Promise<number> {
    for (;;) {
      const client = await this.connect();
      try {
        return (await client.query(statement)).rows[0].n;
      } catch {
        // The database has crashed, by order.
        await sleep(TICK_MILLIS);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }
}
