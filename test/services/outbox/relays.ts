import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { OutboxRelayCounters } from '../../../lib/idempotency/index.js';
import type { RelayOrders } from './relay-process.js';

const PROGRAM = fileURLToPath(new URL('relay-process.js', import.meta.url));
const running = new Set<ChildProcess>();

export interface RelayProcess {
  /** Resolves when it has died by itself. */
  readonly died: Promise<NodeJS.Signals | null>;
  stop(): Promise<OutboxRelayCounters>;
}

export async function startRelay(orders: RelayOrders): Promise<RelayProcess> {
  const child = fork(PROGRAM, [JSON.stringify(orders)]);
  running.add(child);
  const died = once(child, 'exit').then(([, signal]) => {
    running.delete(child);
    return signal as NodeJS.Signals | null;
  });
  await once(child, 'message');
  return {
    died,
    async stop() {
      const answer = once(child, 'message');
      child.send('stop');
      const [{ counters }] = (await answer) as [{ counters: OutboxRelayCounters }];
      child.kill('SIGKILL');
      await died;
      return counters;
    },
  };
}

/** Whatever a test has left. */
export async function killRelays(): Promise<void> {
  const left = [...running];
  for (const child of left) child.kill('SIGKILL');
  await Promise.all(
    left
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      .map((child) => once(child, 'exit')),
  );
}
