import { describe, expect, it } from '@jest/globals';
import { databaseError } from '../../../lib/idempotency/index.js';
import { isConflict } from '../../../lib/idempotency/sql/database-error.js';
import { MessagingError } from '../../../lib/protocol/index.js';

const failure = (message: string, more: object = {}): Error => Object.assign(new Error(message), more);

describe('what an error of a database client means', () => {
  it.each([
    ['DATABASE_BUSY', failure('could not serialize access', { code: '40001' })],
    ['DATABASE_BUSY', failure('deadlock detected', { code: '40P01' })],
    ['DATABASE_BUSY', failure('canceling statement due to lock timeout', { code: '55P03' })],
    ['DATABASE_BUSY', failure('timeout exceeded when trying to connect')],
    ['DATABASE_BUSY', failure('Deadlock found when trying to get lock', { code: 'ER_LOCK_DEADLOCK', errno: 1213 })],
    ['DATABASE_BUSY', failure('database is locked', { code: 'ERR_SQLITE_ERROR', errcode: 5 })],
    ['DATABASE_BUSY', failure('database is locked', { code: 'ERR_SQLITE_ERROR', errcode: 517 })],
    ['DATABASE_BUSY', failure('database is locked')],
    ['DATABASE_BUSY', failure('Raw query failed', { code: 'P2010', meta: { code: '40P01' } })],
    ['DATABASE_UNAVAILABLE', failure('', { code: 'ECONNREFUSED' })],
    ['DATABASE_UNAVAILABLE', failure('terminating connection', { code: '57P01' })],
    ['DATABASE_UNAVAILABLE', failure('Connection terminated unexpectedly')],
    ['DATABASE_UNAVAILABLE', failure('lost', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true })],
    ['DATABASE_UNAVAILABLE', failure('cannot connect', { code: '08006' })],
    ['DATABASE_ERROR', failure('syntax error', { code: '42601' })],
    ['DATABASE_ERROR', failure('disk I/O error', { code: 'ERR_SQLITE_ERROR', errcode: 10 })],
    ['DATABASE_ERROR', 'no error at all'],
    ['DATABASE_ERROR', undefined],
  ])('%s: %s', (code, error) => {
    const meaning = databaseError(error, 'look');
    expect(meaning).toMatchObject({
      code,
      retryable: code !== 'DATABASE_ERROR',
      message: expect.stringMatching(/^Could not look: ./),
    });
    expect(meaning.cause).toBe(error);
  });

  it('is found below what an ORM or a second address has wrapped around it', () => {
    const deadlock = failure('deadlock detected', { code: '40P01' });
    const query = failure('QueryFailedError', { driverError: deadlock });
    const wrapped = new Error('Failed query', { cause: query });
    expect(databaseError(wrapped, 'look').code).toBe('DATABASE_BUSY');
    expect(isConflict(wrapped)).toBe(true);
    const refused = new AggregateError([failure('no', { code: 'ECONNREFUSED' })], '');
    expect(databaseError(refused, 'look').code).toBe('DATABASE_UNAVAILABLE');
    const circle = new Error('round');
    circle.cause = circle;
    expect(databaseError(circle, 'look').code).toBe('DATABASE_ERROR');
    expect(isConflict(circle)).toBe(false);
  });

  it.each([
    failure('relation "nestmq_inbox" does not exist', { code: '42P01' }),
    failure("Table 'shop.nestmq_inbox' doesn't exist", { code: 'ER_NO_SUCH_TABLE' }),
    failure('no such table: nestmq_inbox', { code: 'ERR_SQLITE_ERROR', errcode: 1 }),
  ])('says how to get a missing table: %s', (error) => {
    expect(databaseError(error, 'look')).toMatchObject({
      code: 'DATABASE_ERROR',
      message: expect.stringContaining('migrate(adapter)'),
    });
  });

  it('leaves an error that says it already', () => {
    const own = new MessagingError('BAD_ARGUMENT', 'no');
    expect(databaseError(own, 'look')).toBe(own);
  });
});
