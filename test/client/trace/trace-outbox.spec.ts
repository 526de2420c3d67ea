import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  MemoryFileSystem,
  type Platform,
  SeededRandom,
  silentLogger,
  VirtualClock,
} from '../../../lib/platform/index.js';
import type { OutgoingMessage } from '../../../lib/client/index.js';
import { isSampled } from '../../../lib/client/trace/sampled.js';
import { TraceOutbox } from '../../../lib/client/trace/trace-outbox.js';
import { type CallBegun, decodeTraceRecords } from '../../../lib/client/trace/trace-record.js';

const record = (messageId: string, keys = ''): CallBegun => ({
  type: 'SubBefore',
  at: 1,
  group: 'g',
  callId: 'c',
  messageId,
  retries: 0,
  keys,
  client: 'x',
});

describe('TraceOutbox', () => {
  let clock: VirtualClock;
  let warnings: string[];
  let sent: OutgoingMessage[];
  let answer: (message: OutgoingMessage) => Promise<unknown>;
  let outbox: TraceOutbox;
  beforeEach(() => {
    clock = new VirtualClock();
    warnings = [];
    sent = [];
    answer = async () => undefined;
    const logger = { ...silentLogger, warn: (line: string) => void warnings.push(line) };
    const platform: Platform = { clock, fileSystem: new MemoryFileSystem(), random: new SeededRandom(1), logger };
    outbox = new TraceOutbox(platform, 'traces', (message) => {
      sent.push(message);
      return answer(message);
    });
  });
  const idsOf = ({ body }: OutgoingMessage): string[] =>
    decodeTraceRecords(body.toString()).map(({ messageId }) => messageId);

  it('sends twenty in one message, and the rest half a second later', async () => {
    for (let at = 0; at < 45; at++) outbox.add(record(`m${at}`, `k${at % 2}`));
    expect(sent.map((message) => idsOf(message).length)).toEqual([20, 20]);
    expect(sent[0]!.topic).toBe('traces');
    expect(sent[0]!.keys).toEqual(expect.arrayContaining(['m0', 'm19', 'k0', 'k1']));
    await clock.advance(499);
    expect(sent).toHaveLength(2);
    await clock.advance(1);
    expect(idsOf(sent[2]!)).toEqual(['m40', 'm41', 'm42', 'm43', 'm44']);
  });

  it('keeps messages within the bounds of bodies and keys', async () => {
    for (let at = 0; at < 40; at++) outbox.add(record(`m${at}`, `${'k'.repeat(7_000)}${at}`));
    for (let at = 0; at < 3; at++) outbox.add({ ...record(`g${at}`), group: 'g'.repeat(100_000) });
    await outbox.close(10_000);
    expect(sent.flatMap(idsOf)).toHaveLength(43);
    for (const { body, keys } of sent) {
      expect(body.length).toBeLessThanOrEqual(128_000);
      expect(keys!.join(' ').length).toBeLessThanOrEqual(16_384);
    }
  });

  it('finds messages whose keys are too long, or no keys, by their id alone', async () => {
    outbox.add(record('m', 'k'.repeat(30_000)));
    outbox.add(record('an id\tof somebody', 'fine'));
    await outbox.close(1_000);
    expect(sent[0]!.keys).toEqual(['m', 'fine']);
  });

  it('holds up nobody: what is too much is lost, and told once', async () => {
    answer = () => new Promise(() => undefined);
    for (let at = 0; at < 3_000; at++) outbox.add(record(`m${at}`));
    expect(sent).toHaveLength(4);
    expect(outbox.lost).toBe(3_000 - 80 - 2_048);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/traces is not complete.*smaller share/);
  });

  it('loses what cannot be sent, tells it once until something gets through, and goes on', async () => {
    answer = () => Promise.reject(new Error('no broker'));
    for (let at = 0; at < 60; at++) outbox.add(record(`m${at}`));
    await clock.settle();
    expect(outbox.lost).toBe(60);
    expect(warnings).toEqual([expect.stringContaining('no broker')]);
    answer = async () => undefined;
    for (let at = 0; at < 20; at++) outbox.add(record(`n${at}`));
    await clock.settle();
    answer = () => Promise.reject(new Error('away again'));
    for (let at = 0; at < 20; at++) outbox.add(record(`o${at}`));
    await clock.settle();
    expect(warnings[1]).toContain('away again');
    expect(sent).toHaveLength(5);
  });

  it('sends all that waits when it is closed, and no longer than it may', async () => {
    for (let at = 0; at < 150; at++) outbox.add(record(`m${at}`));
    await outbox.close(1_000);
    expect(sent.flatMap(idsOf)).toHaveLength(150);
    answer = () => new Promise(() => undefined);
    for (let at = 0; at < 150; at++) outbox.add(record(`m${at}`));
    let closed = false;
    void outbox.close(1_000).then(() => (closed = true));
    await clock.advance(999);
    expect(closed).toBe(false);
    await clock.advance(1);
    expect(closed).toBe(true);
    expect(warnings).toEqual([expect.stringContaining('shut down')]);
  });
});

describe('isSampled', () => {
  it('takes the share that it is told, and the same messages everywhere', () => {
    const ids = Array.from(
      { length: 20_000 },
      (_, at) => `C000020242A8CD2FBAD600000000${at.toString(16).padStart(4, '0')}`,
    );
    const tenth = ids.filter((id) => isSampled(id, 0.1));
    expect(tenth.length).toBeGreaterThan(1_800);
    expect(tenth.length).toBeLessThan(2_200);
    expect(tenth.every((id) => isSampled(id, 0.2))).toBe(true);
    expect(ids.every((id) => isSampled(id, 1))).toBe(true);
  });
});
