import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Claim,
  type ClaimedInTransaction,
  Idempotent,
  type MessageBatchContext,
  MessageContext,
  MessageListener,
  RejectMessageError,
  type TransactedWork,
  type TransactionalIdempotencyStore,
} from '../../../lib/index.js';
import { closeBenches, newBench } from './support.js';

afterEach(closeBenches);

/** A transaction of a database that is a list of rows. */
interface Tx {
  readonly rows: string[];
}

class ListDatabase implements TransactionalIdempotencyStore<Tx> {
  readonly name = 'list';
  readonly shared = true;
  readonly rows: string[] = [];
  readonly marks = new Map<string, { fingerprint: string | undefined; result: Buffer | undefined }>();
  begin: () => void = () => undefined;
  commit: () => void = () => undefined;

  async transact<T>(
    claims: readonly Claim[],
    _ttlMillis: number,
    work: (claimed: readonly ClaimedInTransaction[], transaction: Tx) => Promise<TransactedWork<T>>,
  ): Promise<T> {
    this.begin();
    const seen = new Set<string>();
    const claimed = claims.map(({ key, fingerprint }): ClaimedInTransaction => {
      const mark = this.marks.get(key);
      if (mark === undefined && !seen.has(key)) {
        seen.add(key);
        return { outcome: 'acquired' };
      }
      const other = mark?.fingerprint !== undefined && fingerprint !== undefined && mark.fingerprint !== fingerprint;
      return other ? { outcome: 'conflict' } : { outcome: 'completed', result: mark?.result };
    });
    const rows: string[] = [];
    const { value, results = [] } = await work(claimed, { rows });
    this.commit();
    this.rows.push(...rows);
    claims.forEach(({ key, fingerprint }, i) => {
      if (claimed[i]!.outcome === 'acquired') this.marks.set(key, { fingerprint, result: results[i] });
    });
    return value;
  }
}

describe('an idempotent listener with a transactional store', () => {
  it('gives its handler the transaction, which commits what it writes together with the mark', async () => {
    const database = new ListDatabase();
    const kept: MessageContext[] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent({ store: database })
      book(payment: string, context: MessageContext<string, Tx>): void {
        context.transaction.rows.push(payment);
        kept.push(context);
      }
    }
    const { kit, start, report } = newBench();
    await start([Payments]);
    await kit.template().syncSend('payments', 'p1');
    await kit.settled();
    await kit.redeliver(kit.consumed()[0]!, { group: 'booking' });
    await kit.settled();
    expect(database.rows).toEqual(['p1']);
    expect(database.marks.size).toBe(1);
    expect(report().counts).toMatchObject({ acquired: 1, skipped: 1 });
    expect(() => kept[0]!.transaction).toThrow('context.transaction: there is none');
  });

  it('leaves nothing behind of a failed attempt, and of one whose commit fails', async () => {
    const database = new ListDatabase();
    let attempts = 0;
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', backoff: [1000] })
      @Idempotent({ store: database })
      book(payment: string, context: MessageContext<string, Tx>): void {
        context.transaction.rows.push(payment);
        if (++attempts === 1) throw new Error('not yet');
        if (attempts === 2)
          database.commit = () => {
            database.commit = () => undefined;
            throw new Error('serialization failure');
          };
      }
    }
    const { kit, start } = newBench();
    await start([Payments]);
    await kit.template().syncSend('payments', 'p1');
    await kit.advance('10s');
    expect(kit.retried().map(({ error }) => (error as Error).message)).toEqual(['not yet', 'serialization failure']);
    expect(database.rows).toEqual(['p1']);
  });

  it('waits for a database that is away, without running and without burning attempts', async () => {
    const database = new ListDatabase();
    let calls = 0;
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent({ store: database })
      book(): void {
        calls++;
      }
    }
    database.begin = () => {
      throw new Error('connect ECONNREFUSED');
    };
    const { kit, start, report } = newBench();
    await start([Payments]);
    await kit.template().syncSend('payments', 'p1');
    await kit.advance('4s');
    expect(calls).toBe(0);
    expect(report().counts['store-error']).toBe(3);
    database.begin = () => undefined;
    await kit.advance('10s');
    expect(calls).toBe(1);
    expect(kit.consumed().at(-1)).toMatchObject({ outcome: 'acknowledged', attempt: 1 });
    expect(kit.retried()).toEqual([]);
  });

  it('keeps the result of a request in the same transaction', async () => {
    const database = new ListDatabase();
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking' })
      @Idempotent({ store: database, key: 'keys', cacheResult: true })
      book(payment: string, context: MessageContext<string, Tx>): object {
        context.transaction.rows.push(payment);
        return { number: database.rows.length + 1 };
      }
    }
    const { kit, start } = newBench();
    await start([Payments]);
    const pay = () => kit.template().request('payments', 'p', { keys: 'k' });
    expect([await pay(), await pay()]).toEqual([{ number: 1 }, { number: 1 }]);
    expect(database.rows).toEqual(['p']);
  });

  it('has one transaction for a batch: one that fails rolls it back, and the others come again at once without it', async () => {
    const database = new ListDatabase();
    const handled: string[][] = [];
    @Injectable()
    class Payments {
      @MessageListener({ topic: 'payments', group: 'booking', batch: { size: 3, timeout: '1s' } })
      @Idempotent({ store: database, key: 'keys', fingerprint: true })
      book(payments: string[], context: MessageBatchContext<Tx>): void {
        handled.push(payments);
        context.transaction.rows.push(...payments);
        const bad = payments.indexOf('bad');
        if (bad >= 0) context.fail(bad, new RejectMessageError('never'));
      }
    }
    const { kit, start } = newBench();
    await start([Payments]);
    for (const payment of ['a', 'bad', 'b']) await kit.template().syncSend('payments', payment, { keys: payment });
    await kit.advance('5s');
    expect(handled[0]).toEqual(['a', 'bad', 'b']);
    expect(handled.slice(1).flat()).toEqual(['a', 'b']);
    expect(database.rows).toEqual(['a', 'b']);
    expect([...database.marks.keys()]).toEqual(['booking|payments|a', 'booking|payments|b']);
    expect(kit.deadLettered('booking')).toMatchObject([{ payload: 'bad' }]);
    expect(kit.retried()).toEqual([]);
    await kit.template().syncSend('payments', 'a', { keys: 'a' });
    await kit.template().syncSend('payments', 'other', { keys: 'b' });
    await kit.template().syncSend('payments', 'c', { keys: 'c' });
    await kit.advance('5s');
    expect(database.rows).toEqual(['a', 'b', 'c']);
    expect(kit.deadLettered('booking').map(({ payload }) => payload)).toEqual(['bad', 'other']);
  });
});
