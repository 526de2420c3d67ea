import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../lib/platform/index.js';
import { MessagingError } from '../../lib/protocol/index.js';
import { PendingCalls } from '../../lib/remoting/pending-calls.js';
import { heartbeat } from './support.js';

function table() {
  const clock = new VirtualClock();
  const calls = new PendingCalls(clock, 'peer:1');
  const ended: string[] = [];
  const ask = (name: string, timeoutMillis = 1000, then = (): void => {}): number => {
    const request = heartbeat();
    request.opaque = calls.nextOpaque();
    calls.add(request, timeoutMillis, {
      answered: (error) => {
        ended.push(`${name} ${error?.code}`);
        then();
      },
    });
    return request.opaque;
  };
  const name = (opaque: number): string | undefined => {
    const call = calls.take(opaque);
    call?.asker.answered(undefined, undefined);
    return call === undefined ? undefined : ended.pop();
  };
  return { clock, calls, ended, ask, name };
}

describe('requests that wait for an answer', () => {
  it('are found by their opaque however many others come and go meanwhile', () => {
    const { calls, ask, name } = table();
    const long = [ask('a', 30_000), ask('b', 30_000), ask('c', 30_000)];
    const seen = new Set(long);
    for (let i = 0; i < 10_000; i++) {
      const opaque = ask(`${i}`);
      expect(seen.has(opaque)).toBe(false);
      expect(name(opaque)).toBe(`${i} undefined`);
    }
    expect(calls.size).toBe(3);
    expect(long.map(name)).toEqual(['a undefined', 'b undefined', 'c undefined']);
    expect(calls.size).toBe(0);
  });

  it('are found when many wait at once, each once', () => {
    const { calls, ask, name } = table();
    const opaques = Array.from({ length: 1000 }, (_, i) => ask(`${i}`));
    expect(new Set(opaques).size).toBe(1000);
    expect(calls.size).toBe(1000);
    for (let i = 999; i >= 0; i--) {
      expect(name(opaques[i]!)).toBe(`${i} undefined`);
      expect(name(opaques[i]!)).toBeUndefined();
    }
  });

  it('do not take an answer to another opaque that shares their slot', () => {
    const { calls, ask } = table();
    const opaque = ask('a');
    for (const other of [opaque + 16, opaque + 1024, opaque - 16, -opaque]) expect(calls.take(other)).toBeUndefined();
    expect(calls.take(opaque)).toBeDefined();
  });

  it('are all rejected when the channel closes, the oldest first', () => {
    const { calls, ended, ask, name } = table();
    const kept = ask('first');
    for (let i = 0; i < 100; i++) name(ask('gone'));
    for (let i = 0; i < 40; i++) ask(`${i}`);
    calls.failAll(new MessagingError('CHANNEL_CLOSED', 'closed'));
    const inOrder = ['first', ...Array.from({ length: 40 }, (_, i) => `${i}`)].map((each) => `${each} CHANNEL_CLOSED`);
    expect(ended).toEqual(inOrder);
    expect(calls.size).toBe(0);
    expect(calls.take(kept)).toBeUndefined();
  });

  it('run out in their order; one that is asked from within a time-out runs out too', async () => {
    const { clock, ended, ask } = table();
    ask('a', 100, () => ask('again', 50));
    ask('b', 100);
    await clock.advance(100);
    expect(ended).toEqual(['a TIMEOUT', 'b TIMEOUT']);
    await clock.advance(60);
    expect(ended).toEqual(['a TIMEOUT', 'b TIMEOUT', 'again TIMEOUT']);
    expect(clock.pending).toEqual([]);
  });

  it('are not asked about again after a time-out that has closed the channel', async () => {
    const { clock, calls, ended, ask } = table();
    ask('a', 100, () => calls.failAll(new MessagingError('CHANNEL_CLOSED', 'closed')));
    ask('b', 100);
    await clock.advance(200);
    expect(ended).toEqual(['a TIMEOUT', 'b CHANNEL_CLOSED']);
  });
});
