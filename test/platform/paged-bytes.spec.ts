import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PagedBytes } from '../../lib/platform/paged-bytes.js';

function contents(bytes: PagedBytes): Buffer {
  const target = Buffer.alloc(bytes.size, 0xee);
  expect(bytes.read(target, 0)).toBe(bytes.size);
  return target;
}

const change = fc.oneof(
  fc.record({ position: fc.nat(300), bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }) }),
  fc.record({ size: fc.nat(400) }),
  fc.constant('snapshot' as const),
);

describe('PagedBytes', () => {
  it('holds what a plain buffer would, and snapshots keep what they were', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const paged = new PagedBytes(64);
        let model = Buffer.alloc(0);
        const snapshots: [PagedBytes, Buffer][] = [];
        for (const step of changes) {
          if (step === 'snapshot') {
            snapshots.push([paged.snapshot(), Buffer.from(model)]);
            continue;
          }
          const size = 'size' in step ? step.size : Math.max(model.length, step.position + step.bytes.length);
          const next = Buffer.alloc(size);
          model.copy(next);
          model = next;
          if ('size' in step) paged.truncate(step.size);
          else {
            paged.write(step.bytes, step.position);
            model.set(step.bytes, step.position);
          }
          expect(contents(paged)).toEqual(model);
        }
        for (const [snapshot, expected] of snapshots) {
          expect(contents(snapshot)).toEqual(expected);
          snapshot.write(Buffer.from([1]), 0);
        }
        expect(contents(paged)).toEqual(model);
      }),
      { numRuns: 200 },
    );
  });

  it('takes memory only for pages that were written', () => {
    const paged = new PagedBytes(4096);
    paged.truncate(1 << 30);
    paged.write(Buffer.from('x'), 500_000_000);
    expect(paged.allocatedBytes).toBe(4096);
    expect(paged.missingBytes(500_000_000, 8192)).toBe(8192);
    paged.truncate(0);
    expect(paged.allocatedBytes).toBe(0);
  });

  it('takes none for pages of zeros where it may be sparse, unless something is there already', () => {
    const paged = new PagedBytes(64, true);
    paged.write(Buffer.alloc(640), 0);
    expect([paged.allocatedBytes, paged.size]).toEqual([0, 640]);
    paged.write(Buffer.from('x'), 100);
    paged.write(Buffer.alloc(128), 64);
    expect([paged.allocatedBytes, contents(paged).equals(Buffer.alloc(640))]).toEqual([64, true]);
    paged.write(Buffer.alloc(10), 640);
    expect(contents(paged).equals(Buffer.alloc(650))).toBe(true);
  });
});
