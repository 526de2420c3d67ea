import assert from 'node:assert/strict';
import type { Type } from '@nestjs/common';
import {
  ConsumeMode,
  type MessageBatchContext,
  MessageListener,
  type MessageListenerOptions,
  RejectMessageError,
} from '../../../lib/index.js';
import { subject } from '../behaviour.js';
import { deadLettersOf, reasonOf } from '../dead-letters.js';
import { rejects } from '../refusals.js';

const count = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
const ledger = { topic: 'entries', group: 'ledger', batch: { size: 3, timeout: '10s' } } as const;

/** A batch listener that remembers what it got. */
function batches(
  options: MessageListenerOptions,
  handle: (payloads: unknown[], context: MessageBatchContext) => unknown = () => undefined,
): { readonly got: unknown[][]; readonly listener: Type } {
  const got: unknown[][] = [];
  class BatchListener {
    on(payloads: unknown[], context: MessageBatchContext): unknown {
      got.push(payloads);
      return handle(payloads, context);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(BatchListener.prototype, 'on')!;
  Reflect.defineMetadata('design:paramtypes', [Array, Object], BatchListener.prototype, 'on');
  MessageListener(options)(BatchListener.prototype, 'on', descriptor);
  return { got, listener: BatchListener };
}

export const batchListeners = subject('batch listeners', (it) => {
  it('get as many messages as they want, and an incomplete batch when it has waited long enough', async (world) => {
    const { template } = await world.start({ application: 'sender' });
    for (const n of count(4)) await world.passing(template.sendOrderly('entries', n, 'one'));
    const before = world.now();
    const { got, listener } = batches({ ...ledger, from: 'earliest' });
    await world.start(listener);
    await world.until(() => got.length === 2, 'two batches');
    assert.deepEqual(got, [[0, 1, 2], [3]]);
    assert.ok(world.now() - before >= 9000 && world.now() - before < 11_000 + world.slack);
  });

  it('say for each message what becomes of it', async (world) => {
    const { got, listener } = batches({ ...ledger, backoff: [1000] }, (payloads, context) => {
      payloads.forEach((payload, index) => {
        if (payload === 1 && context.messages[index]!.attempt === 1) context.fail(index, new Error('not now'));
        if (payload === 2) context.fail(index, new RejectMessageError('never'));
      });
    });
    const letters = deadLettersOf('ledger');
    const { template } = await world.start(listener, letters);
    for (const n of count(3)) await world.passing(template.sendOrderly('entries', n, 'one'));
    await world.until(() => got.length === 2, 'two batches');
    await letters.got(world, 1);
    await world.pass(60_000);
    assert.deepEqual(got, [[0, 1, 2], [1]]);
    assert.deepEqual(letters.payloads, [2]);
    assert.equal(reasonOf(letters).message, 'never');
  });

  it('that throw let every message of the batch be tried again', async (world) => {
    let calls = 0;
    const { got, listener } = batches({ ...ledger, backoff: [1000] }, () => {
      if (++calls === 1) throw new Error('not now');
    });
    const { template } = await world.start(listener);
    for (const n of count(3)) await world.passing(template.sendOrderly('entries', n, 'one'));
    await world.until(() => got.length === 2, 'two batches');
    await world.pass(60_000);
    assert.deepEqual(got[1]!.toSorted(), [0, 1, 2]);
    assert.equal(got.length, 2);
  });

  it.needing(['restart'], 'have a batch again that was at work when the power went', async (world) => {
    const first = batches(ledger, () => new Promise(() => {}));
    const { template } = await world.start(first.listener);
    for (const n of count(3)) await world.passing(template.sendOrderly('entries', n, 'one'));
    await world.until(() => first.got.length === 1, 'a batch');
    await world.pass(20_000);
    await world.crash();
    const second = batches(ledger);
    await world.start(second.listener);
    await world.until(() => second.got.length === 1, 'the batch again');
    assert.deepEqual(second.got, [[0, 1, 2]]);
  });

  it.rows(
    'with limits that make no sense, in orderly mode or with an order of keys are refused at boot',
    [
      { batch: { size: 0 } },
      { batch: { size: 1001 } },
      { batch: { timeout: 'soon' as never } },
      { batch: true as never },
      { mode: ConsumeMode.ORDERLY },
      { keyOrder: true },
      { rateLimit: { limit: 2, interval: '1s' } },
    ] as Partial<MessageListenerOptions>[],
    async (world, options) => {
      const { listener } = batches({ ...ledger, ...options });
      await rejects(world.start(listener), 'CONFIGURATION', /batch/);
    },
  );
});
