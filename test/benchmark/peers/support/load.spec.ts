import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Done = (error?: Error) => void;
type Submit = (index: number, done: Done) => void;
interface Measured {
  perSecond: number;
  count: number;
  seconds: number;
  clientMicros: number;
  serverMicros: number;
}
type Begin = (told: (value: number) => void, fail: (error: Error) => void) => Promise<() => Promise<void>>;

const script = pathToFileURL(join(process.cwd(), 'test/benchmark/peers/support/load.js')).href;
const { fill, measureSend, measureReceive, measureLatency } = (await import(script)) as {
  fill(submit: Submit, count: number, inFlight: number): Promise<number>;
  measureSend(submit: Submit, spec: object, pids: number[]): Promise<{ measured: Measured[]; sent: number }>;
  measureReceive(
    begin: Begin,
    spec: object,
    backlog: number,
    pids: number[],
  ): Promise<{ measured: Measured[]; received: number }>;
  measureLatency(begin: Begin, submit: Submit, spec: object): Promise<{ p50: number; p99: number; count: number }[]>;
};

const SHORT = { seconds: 0.05, warmUpSeconds: 0.01, inFlight: 8 };

describe('the load on a peer', () => {
  it('keeps as many sends open as are to be in flight, and no more', async () => {
    let open = 0;
    let most = 0;
    const submit: Submit = (_, done) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open -= 1;
        done();
      });
    };
    const { measured, sent } = await measureSend(submit, { ...SHORT, windows: 3 }, [process.pid]);
    expect(most).toBe(8);
    expect(open).toBe(0);
    expect(measured).toHaveLength(3);
    for (const { count, seconds, perSecond } of measured) {
      expect(count).toBeGreaterThan(0);
      expect(perSecond).toBeCloseTo(count / seconds, 6);
    }
    expect(sent).toBeGreaterThan(measured.reduce((sum, { count }) => sum + count, 0));
  });

  it('ends with the error of a send', async () => {
    let count = 0;
    const submit: Submit = (_, done) => setImmediate(() => done(++count > 20 ? new Error('refused') : undefined));
    await expect(measureSend(submit, SHORT, [])).rejects.toThrow('refused');
    await expect(fill(submit, 100, 4)).rejects.toThrow('refused');
  });

  it('fills exactly so many', async () => {
    const seen = new Set<number>();
    const submit: Submit = (index, done) => setImmediate(() => done(void seen.add(index)));
    expect(await fill(submit, 100, 7)).toBe(100);
    expect(seen.size).toBe(100);
    expect(await fill(submit, 0, 7)).toBe(0);
  });

  it('measures a backlog that ends early for as long as it lasted', async () => {
    const begin: Begin = async (told) => {
      const timer = setInterval(() => told(10), 2);
      return async () => clearInterval(timer);
    };
    const spec = { seconds: 30, warmUpSeconds: 30, windows: 2 };
    const { measured, received } = await measureReceive(begin, spec, 100, []);
    expect(received).toBeGreaterThanOrEqual(100);
    expect(measured).toHaveLength(1);
    expect(measured[0]!.count).toBeLessThanOrEqual(received - 20);
    expect(measured[0]!.seconds).toBeLessThan(10);
  });

  it('takes the time of those messages that were sent after the warm-up, window by window', async () => {
    let arrived: (sentAt: number) => void = () => undefined;
    const begin: Begin = async (told) => {
      arrived = told;
      return async () => undefined;
    };
    const submit: Submit = (sentAt, done) =>
      setImmediate(() => {
        arrived(sentAt);
        done();
      });
    const spec = { seconds: 0.1, warmUpSeconds: 2.05, windows: 2, ratePerSecond: 1000, warmUpPerSecond: 5000 };
    const windows = await measureLatency(begin, submit, spec);
    expect(windows.map(({ count }) => count)).toEqual([100, 100]);
    for (const { p50, p99 } of windows) {
      expect(p50).toBeGreaterThan(0);
      expect(p99).toBeGreaterThanOrEqual(p50);
    }
  });

  it('reports an error of the receiver', async () => {
    const begin: Begin = async (_, fail) => {
      setImmediate(() => fail(new Error('connection lost')));
      return async () => undefined;
    };
    await expect(measureReceive(begin, { seconds: 30, warmUpSeconds: 30 }, 100, [])).rejects.toThrow('connection lost');
  });
});
