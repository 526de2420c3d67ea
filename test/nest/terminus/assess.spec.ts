import { describe, expect, it } from '@jest/globals';
import type { ConnectionReport } from '../../../lib/nest/connection/connection-report.js';
import { assess, worstOf } from '../../../lib/nest/terminus/assess.js';
import { resolveHealthOptions } from '../../../lib/nest/terminus/health-options.js';

const options = resolveHealthOptions({});
const calm: ConnectionReport = {
  name: 'default',
  problem: undefined,
  counters: undefined,
  sends: new Map(),
  groups: [],
  lags: [],
  host: undefined,
  sharing: undefined,
  restarts: undefined,
  idempotency: [],
  outbox: undefined,
};

function withStore(store: object): ConnectionReport {
  return { ...calm, host: { store } as ConnectionReport['host'] };
}

describe('the health of a connection', () => {
  it('is degraded while the disk is filling up', () => {
    const tight = assess(withStore({ diskTight: true, diskUsedRatio: 0.81 }), options, 0, undefined);
    expect(tight).toMatchObject({ status: 'degraded', problems: ['the disk of the store is 81 % full'] });
    expect(assess(withStore({ diskTight: false }), options, 0, undefined)).toMatchObject({ status: 'up' });
  });

  it('is degraded while messages wait in the outbox for long, cannot be sent, or cannot be read', () => {
    const withOutbox = (outbox: ConnectionReport['outbox']): readonly string[] =>
      assess({ ...calm, outbox }, options, 0, undefined).problems;
    const status = { waiting: 2, failed: 0, oldestAgeMillis: 300_000 };
    const rest = { problem: undefined, counters: undefined };
    expect(withOutbox({ status, ...rest })).toEqual([]);
    expect(withOutbox({ status: { ...status, oldestAgeMillis: 301_000 }, ...rest })).toEqual([
      'the outbox has had a message waiting for 301 s',
    ]);
    expect(withOutbox({ status: { ...status, failed: 3 }, ...rest })).toEqual([
      'the outbox has messages that cannot be sent: 3',
    ]);
    expect(withOutbox({ ...rest, status: undefined, problem: 'gone' })).toEqual(['the outbox cannot be read: gone']);
  });

  it('is down for a broker that cannot be used, whatever else is well, and shows the other problems too', () => {
    const report = {
      ...withStore({ diskTight: true, diskUsedRatio: 0.99 }),
      problem: 'the disk is full',
      lags: undefined,
    };
    expect(assess(report, options, 0, undefined)).toMatchObject({
      status: 'down',
      problems: ['the disk is full', 'the disk of the store is 99 % full'],
      lag: {},
    });
  });

  it('is that of the worst connection', () => {
    const of = (status: 'up' | 'degraded' | 'down') => ({ status, problems: [], lag: {} });
    expect(worstOf([])).toBe('up');
    expect(worstOf([of('up'), of('degraded')])).toBe('degraded');
    expect(worstOf([of('down'), of('degraded')])).toBe('down');
  });
});
