import { describe, expect, it } from '@jest/globals';
import { databaseError } from '../../../lib/idempotency/sql/database-error.js';

/** As @prisma/driver-adapter-utils makes it. */
const ofDriver = (cause: object): Error => Object.assign(new Error(), { name: 'DriverAdapterError', cause });
/** As a generated client rejects with. */
const ofClient = (code: string, driverAdapterError?: Error): Error =>
  Object.assign(new Error('Invalid `prisma.$queryRawUnsafe()` invocation'), { code, meta: { driverAdapterError } });

describe("what Prisma's errors mean", () => {
  it.each([
    ['a serialisation failure', ofDriver({ originalCode: '40001', kind: 'TransactionWriteConflict' }), 'DATABASE_BUSY'],
    ['a write conflict', ofClient('P2034'), 'DATABASE_BUSY'],
    ['a deadlock', ofClient('P2010', ofDriver({ originalCode: '1213', kind: 'mysql' })), 'DATABASE_BUSY'],
    ['a transaction that expired', ofClient('P2028'), 'DATABASE_UNAVAILABLE'],
    ['a pool without a connection to spare', ofClient('P2024'), 'DATABASE_BUSY'],
    ['a server that is away', ofClient('P1001', ofDriver({ kind: 'DatabaseNotReachable' })), 'DATABASE_UNAVAILABLE'],
    ['the same in a statement', ofClient('P2010', ofDriver({ kind: 'DatabaseNotReachable' })), 'DATABASE_UNAVAILABLE'],
    ['a shutdown', ofClient('P2010', ofDriver({ originalCode: '57P01', kind: 'postgres' })), 'DATABASE_UNAVAILABLE'],
    ['a second row', ofClient('P2010', ofDriver({ originalCode: '23505' })), 'DATABASE_ERROR'],
  ])('%s', (_, error, code) => {
    expect(databaseError(error, 'ask')).toMatchObject({ code, cause: error });
  });

  it('a table that is not there, with what to do about it', () => {
    const error = ofClient('P2010', ofDriver({ originalCode: '42P01', kind: 'TableDoesNotExist' }));
    expect(databaseError(error, 'ask').message).toMatch(/migrate\(adapter\)/);
  });
});
