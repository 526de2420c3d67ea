import { describe, expect, it } from '@jest/globals';
import { type KeptLease, LeaseKeeper } from '../../lib/idempotency/lease-keeper.js';
import { MemoryIdempotencyStore } from '../../lib/idempotency/memory-store.js';
import { StoreCalls } from '../../lib/idempotency/store-calls.js';
import { VirtualClock } from '../../lib/platform/index.js';
import { ContextDelivery } from '../../lib/nest/handler/context-delivery.js';

const LEASE = 30_000;

async function keptLease() {
  const clock = new VirtualClock();
  const store = new MemoryIdempotencyStore({ clock });
  const keeper = new LeaseKeeper(store, new StoreCalls('memory', 5_000, clock), LEASE, clock, (error) => {
    throw error as Error;
  });
  const [claimed] = await store.acquire([{ key: 'k', fingerprint: undefined }], LEASE);
  const token = claimed?.outcome === 'acquired' ? claimed.token : '';
  const lease = { key: 'k', token, until: clock.monotonic() + LEASE, signal: new AbortController().signal, losses: 0 };
  const kept: KeptLease & { losses: number } = Object.assign(lease, { lost: () => void lease.losses++ });
  keeper.keep(kept);
  return { clock, keeper, kept };
}

describe('LeaseKeeper', () => {
  it('keeps a lease for as long as its handler runs', async () => {
    const { clock, keeper, kept } = await keptLease();
    await clock.advance(LEASE * 10);
    keeper.look([kept]);
    expect(kept.losses).toBe(0);
    keeper.drop(kept);
    await clock.advance(LEASE);
    expect(clock.pending).toEqual([]);
  });

  it('knows that a lease has ended before any timer of a process that stood still has fired', async () => {
    const { clock, keeper, kept } = await keptLease();
    clock.skip(LEASE - 1);
    keeper.look([kept]);
    expect(kept.losses).toBe(0);
    clock.skip(1);
    keeper.look([kept]);
    keeper.look([kept]);
    expect(kept.losses).toBe(1);
  });

  it('tells a handler that asks for its signal, also when it asked before', async () => {
    const { clock, keeper, kept } = await keptLease();
    const running = new AbortController().signal;
    const delivery = new ContextDelivery({} as never, [], running, undefined);
    const lease: KeptLease = { ...kept, lost: () => delivery.abort(new Error('lost')) };
    keeper.drop(kept);
    keeper.keep(lease);
    delivery.watch(() => keeper.look([lease]));
    const before = delivery.handlerSignal;
    expect(before.aborted).toBe(false);
    clock.skip(LEASE);
    expect(delivery.handlerSignal.aborted).toBe(true);
    expect(before.aborted).toBe(true);
  });
});
