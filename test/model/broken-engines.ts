import { type FileHandle, SimulatedFileSystem } from '../../lib/platform/index.js';
import { BacklogAdmin } from '../../lib/client/admin/backlog-admin.js';
import { SendBackProcessor } from '../../lib/broker/send-back-processor.js';
import { TransactionProcessor } from '../../lib/broker/transactions/transaction-processor.js';
import { ProcessQueue } from '../../lib/client/consumer/process-queue.js';
import { PushConsumer } from '../../lib/client/consumer/push-consumer.js';
import { OrderlyDispatcher } from '../../lib/client/dispatch/orderly-dispatcher.js';
import { QueueSelector } from '../../lib/client/producer/queue-selector.js';

/** What a private method looks like from here. */
type Hidden = Record<string, (...args: never[]) => unknown>;

function replace(prototype: object, name: string, make: (original: Hidden[string]) => Hidden[string]): void {
  const hidden = prototype as Hidden;
  const original = hidden[name];
  if (original === undefined) throw new Error(`there is no ${name} to be broken`);
  hidden[name] = make(original);
}

const nothing = (): Promise<void> => Promise.resolve();

interface BrokenEngine {
  /** Changes classes of this thread. */
  readonly install: () => void;
  /** What has to be said about it. */
  readonly evidence: RegExp;
}

/** Engines with one mistake each, which the model has to find. */
export const BROKEN_ENGINES = {
  'acknowledges what is not on the disk': {
    install: () => {
      const { open } = SimulatedFileSystem.prototype;
      SimulatedFileSystem.prototype.open = async function (this: SimulatedFileSystem, path, mode): Promise<FileHandle> {
        const handle = await open.call(this, path, mode);
        return path.includes('/commitlog/') ? { ...handle, datasync: nothing } : handle;
      };
    },
    evidence: /lost: the group never came to its end/,
  },
  'moves on before a handler has settled': {
    install: () =>
      Object.defineProperty(ProcessQueue.prototype, 'committedOffset', {
        get(this: ProcessQueue) {
          return this.nextOffset;
        },
      }),
    evidence: /lost: the group never came to its end/,
  },
  'throws away what is to be tried again': {
    install: () => replace(SendBackProcessor.prototype, 'retry', () => nothing),
    evidence: /lost: the group never came to its end/,
  },
  'throws away what is given up': {
    install: () => replace(SendBackProcessor.prototype, 'giveUp', () => nothing),
    evidence: /it was given up and is no dead letter/,
  },
  'tries again too early': {
    install: () =>
      replace(
        SendBackProcessor.prototype,
        'retry',
        (retry) =>
          function (this: object, ...args: unknown[]) {
            const [group, failed, header] = args as [object, object, { retryDelayMs?: number }];
            const retryDelayMs = header.retryDelayMs === undefined ? undefined : header.retryDelayMs - 1;
            return (retry as (...all: unknown[]) => unknown).call(this, group, failed, { ...header, retryDelayMs });
          },
      ),
    evidence: /came 1 ms early/,
  },
  'commits what is rolled back': {
    install: () =>
      replace(
        TransactionProcessor.prototype,
        'end',
        (end) =>
          function (this: object, ...args: unknown[]) {
            const [header] = args as [object];
            return (end as (...all: unknown[]) => unknown).call(this, { ...header, commitOrRollback: 8 });
          },
      ),
    evidence: /although it was rolled back/,
  },
  'goes on behind a message that failed': {
    install: () =>
      replace(
        OrderlyDispatcher.prototype,
        'untilSettled',
        (untilSettled) =>
          function (this: object, ...args: unknown[]) {
            void (untilSettled as (...all: unknown[]) => Promise<void>).apply(this, args);
            return Promise.resolve();
          },
      ),
    evidence: /before it was done with/,
  },
  'spreads the messages of a key': {
    install: () => {
      let turn = 0;
      replace(QueueSelector.prototype, 'orderedIndex', () => () => turn++ % 2);
    },
    evidence: /stands in two queues/,
  },
  'forgets where a group was moved to': {
    install: () => replace(BacklogAdmin.prototype, 'resetPosition', () => nothing),
    evidence: /was moved back and did not get/,
  },
  'does not hold a paused listener': {
    install: () => replace(PushConsumer.prototype, 'pause', () => () => undefined),
    evidence: /while its listener was paused/,
  },
} as const satisfies Record<string, BrokenEngine>;

export type BrokenName = keyof typeof BROKEN_ENGINES;
