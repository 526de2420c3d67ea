import { describe, expect, it } from '@jest/globals';
import {
  createUniqueIdFactory,
  decodeOffsetMessageId,
  encodeOffsetMessageId,
  hostBytes,
  hostText,
  joinOffsetMessageIds,
} from '../../lib/protocol/index.js';
import { codeOf } from './messages.js';
import { vectors } from './vectors.js';

const golden = vectors('texts').ids;

describe('offset message ids', () => {
  it.each(golden)('$host at $physicalOffset is $id', ({ host, physicalOffset, id }) => {
    expect(encodeOffsetMessageId(host, physicalOffset)).toBe(id);
    expect(decodeOffsetMessageId(id)).toEqual({ host, physicalOffset });
    expect(decodeOffsetMessageId(id.toLowerCase())).toEqual({ host, physicalOffset });
  });

  it.each(['10.1.2.3:10911', '[2001:db8::1]:5'])('of several messages at %s are joined', (host) => {
    for (const begin of [0, 0xffff_0000, 2 ** 50 + 7]) {
      for (const count of [0, 1, 2, 700]) {
        const offsets = Array.from({ length: count }, (_, n) => begin + n * 263 + (n % 50 === 0 ? n * 0x1_0000 : 0));
        const ids = offsets.map((offset) => encodeOffsetMessageId(host, offset));
        expect(joinOffsetMessageIds(host, count, (place) => offsets[place]!)).toBe(ids.join(','));
      }
    }
  });

  it('are told from what is none', () => {
    for (const id of [
      '',
      'x',
      '0'.repeat(31),
      '0'.repeat(33),
      `${'0'.repeat(30)}xy`,
      `${'0'.repeat(16)}${'F'.repeat(16)}`,
    ]) {
      expect([id, codeOf(() => decodeOffsetMessageId(id))]).toEqual([id, 'BAD_ARGUMENT']);
    }
  });
});

describe('unique ids', () => {
  const march = new Date(2024, 2, 1).getTime();

  it('hold address, process, hash, time in the month and a counter', () => {
    const next = createUniqueIdFactory({
      ip: '127.0.0.1',
      pid: 0x1234,
      now: () => march + 0x89abcdef,
      hash: 0xdeadbeef,
    });
    expect([next(), next()]).toEqual(['7F0000011234DEADBEEF89ABCDEF0000', '7F0000011234DEADBEEF89ABCDEF0001']);
  });

  it('take an IPv6 address, and the loopback for what is no address', () => {
    const id = (ip: string) => createUniqueIdFactory({ ip, pid: 1, now: () => march, hash: 1 })();
    expect(id('2001:db8::7')).toHaveLength(56);
    expect(id('2001:db8::7').startsWith('20010DB8000000000000000000000007')).toBe(true);
    expect(id('somewhere').startsWith('7F000001')).toBe(true);
  });

  it('read the clock once for each tick that they are told, and differ all the same', () => {
    let reads = 0;
    const next = createUniqueIdFactory({ ip: '127.0.0.1', pid: 1, now: () => march + ++reads, hash: 1 });
    const ids = [next(7), next(7), next(7), next(8), next(), next(), next(8)];
    expect(reads).toBe(5);
    expect(new Set(ids).size).toBe(7);
    expect(ids.map((id) => parseInt(id.slice(20, 28), 16))).toEqual([1, 1, 1, 2, 3, 4, 5]);
  });

  it('begin anew with the month, also when the clock is set back', () => {
    let time = new Date(2024, 3, 1).getTime() - 1;
    const next = createUniqueIdFactory({ ip: '127.0.0.1', pid: 1, now: () => time, hash: 1 });
    const millis = () => parseInt(next().slice(20, 28), 16);
    expect(millis()).toBe(new Date(2024, 3, 1).getTime() - march - 1);
    time++;
    expect(millis()).toBe(0);
    time -= 1000;
    expect(millis()).toBe(new Date(2024, 3, 1).getTime() - march - 1000);
  });

  it('are all different within a millisecond', () => {
    const next = createUniqueIdFactory({ ip: '127.0.0.1', pid: 1, now: () => march, hash: 1 });
    expect(new Set(Array.from({ length: 65_536 }, next)).size).toBe(65_536);
  });
});

describe('hosts', () => {
  it.each([
    ['1.2.3.4:80', '1.2.3.4:80'],
    ['[::1]:80', '[::1]:80'],
    ['::1:80', '[::1]:80'],
    ['[::]:0', '[::]:0'],
    ['[2001:DB8:0:0:1:0:0:1]:65535', '[2001:db8::1:0:0:1]:65535'],
    ['[1:0:2:3:4:5:6:7]:1', '[1:0:2:3:4:5:6:7]:1'],
    ['[fe80::1%eth0]:1', '[fe80::1]:1'],
    ['[::ffff:1.2.3.4]:80', '1.2.3.4:80'],
    ['[64:ff9b::1.2.3.4]:80', '[64:ff9b::102:304]:80'],
    ['in-process', '127.0.0.1:0'],
  ])('%s reads back as %s', (host, text) => {
    const bytes = hostBytes(host);
    expect(hostText(bytes, 0, bytes.length === 20)).toBe(text);
    expect(hostBytes(host)).toBe(bytes);
  });

  it.each([
    '',
    ':80',
    '1.2.3.4',
    '1.2.3.4:',
    '1.2.3.4:65536',
    '256.1.1.1:1',
    'name:80',
    '[::1::2]:1',
    '[1:2:3]:1',
    '[12345::]:1',
    '[::g]:1',
    '[1:2:3:4:5:6:7:8:9]:1',
    '[::1.2.3.256]:1',
  ])('%j is none', (host) => {
    expect(codeOf(() => hostBytes(host))).toBe('BAD_ARGUMENT');
  });

  it('with forged ports do not mix up', () => {
    const forged = Buffer.from([0, 0, 0, 1, 0, 1, 0, 0]);
    expect(hostText(forged, 0, false)).toBe('0.0.0.1:65536');
    expect(hostText(Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]), 0, false)).toBe('0.0.0.2:0');
  });
});
