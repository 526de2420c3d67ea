import { describe, expect, it } from '@jest/globals';
import { decodeTraceRecords, encodeTraceRecord, type TraceRecord } from '../../../lib/client/trace/trace-record.js';

const OF = { messageId: 'ID', keys: 'k1 k2', at: 1_767_225_600_000, group: 'g' };
const PUB: TraceRecord = {
  ...OF,
  type: 'Pub',
  topic: 'orders',
  tag: 'paid',
  storeHost: '10.0.0.1:10911',
  bodyBytes: 12,
  cost: 3,
  kind: 4,
  offsetMessageId: 'PLACE',
  success: true,
  client: '10.0.0.2@7#1',
  outcome: 'stored',
};
const BEGUN: TraceRecord = { ...OF, type: 'SubBefore', callId: 'C', retries: 2, client: 'c' };
const ENDED: TraceRecord = {
  ...OF,
  type: 'SubAfter',
  callId: 'C',
  cost: 5,
  success: false,
  code: 2,
  outcome: 'retried',
};
const END: TraceRecord = {
  ...OF,
  type: 'EndTransaction',
  topic: 'orders',
  tag: '',
  storeHost: 'h:1',
  transactionId: 'T',
  state: 'UNKNOWN',
  fromCheck: true,
};

describe('records of a trace', () => {
  it.each<[string, TraceRecord, (string | number)[]]>([
    [
      'a send',
      PUB,
      [
        'Pub',
        OF.at,
        'DefaultRegion',
        'g',
        'orders',
        'ID',
        'paid',
        'k1 k2',
        '10.0.0.1:10911',
        12,
        3,
        4,
        'PLACE',
        'true',
      ],
    ],
    ['a handler that begins', BEGUN, ['SubBefore', OF.at, 'DefaultRegion', 'g', 'C', 'ID', 2, 'k1 k2']],
    ['a handler that ends', ENDED, ['SubAfter', 'C', 'ID', 5, 'false', 'k1 k2', 2, OF.at, 'g']],
    [
      'the end of a transaction',
      END,
      ['EndTransaction', OF.at, 'DefaultRegion', 'g', 'orders', 'ID', '', 'k1 k2', 'h:1', 2, 'T', 'UNKNOW', 'true'],
    ],
  ])('have RocketMQ’s fields in front: %s', (_what, record, fields) => {
    const text = encodeTraceRecord(record);
    expect(text.endsWith('\x02')).toBe(true);
    expect(text.slice(0, -1).split('\x01').slice(0, fields.length)).toEqual(fields.map(String));
  });

  it('come back as they were, several of one body', () => {
    const all = [PUB, BEGUN, ENDED, END, { ...END, state: 'COMMIT' as const, fromCheck: false }];
    expect(decodeTraceRecords(all.map(encodeTraceRecord).join(''))).toEqual(all);
  });

  it('have no trailing field that Java would cut off, also without keys', () => {
    for (const record of [PUB, BEGUN, ENDED, END]) {
      const text = encodeTraceRecord({ ...record, keys: '' } as TraceRecord);
      expect(text).not.toMatch(/\x01\x02$/);
      expect(decodeTraceRecords(text)[0]!.keys).toBe('');
    }
  });

  it('of Java clients are read, with what they do not say left open', () => {
    const java = [
      ['Pub', '1', 'DefaultRegion', 'g', 't', 'ID', 'null', 'null', 'h:1', '5', '2', '0', 'PLACE', 'true'],
      ['Pub', '1', 'DefaultRegion', 'g', 't', 'ID', '', '', 'h:1', '5', '2', '0', 'false'],
      ['SubBefore', '3', 'null', 'g', 'C', 'ID', '0', 'null'],
      ['SubAfter', 'C', 'ID', '4', 'true', 'null', '0', '7', 'g'],
    ];
    expect(decodeTraceRecords(java.map((fields) => `${fields.join('\x01')}\x02`).join(''))).toMatchObject([
      { outcome: 'stored', offsetMessageId: 'PLACE', client: '', tag: '', keys: '' },
      { outcome: 'failed', success: false, offsetMessageId: '' },
      { callId: 'C', retries: 0, client: '', keys: '' },
      { outcome: 'acknowledged', cost: 4, at: 7, group: 'g' },
    ]);
  });

  it.each(['', 'nonsense', 'Pub', 'Pub\x01x\x02', 'Recall\x011\x02', 'EndTransaction\x011\x01\x02', '\x02\x02'])(
    'are none in %j',
    (body) => {
      expect(decodeTraceRecords(body)).toEqual([]);
    },
  );
});
