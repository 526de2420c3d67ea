import { reasonText } from '../../client/index.js';
import type { Clock, Logger } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import type { DedupTopics } from './dedup-topics.js';
import type { OutboxRow } from './outbox-row.js';
import type { OutboxRelayCounters } from './relay-options.js';
import { isHopeless, pauseAfter } from './send-failures.js';
import type { ClaimedRows, SettledRows } from './sql-outbox.js';

interface Settled {
  sent: number[];
  held: SettledRows['held'][number][];
  failed: SettledRows['failed'][number][];
}

export interface RoundSettings {
  readonly topics: DedupTopics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: OutboxRelayCounters;
  readonly sendMillis: number;
  /** Whether nothing new may be begun. */
  stopping(): boolean;
}

/**
 * Sends what was claimed. Rows with a key go one after the other and end at the first that fails; keys, and rows without one,
 * do not wait for each other.
 *
 * @param until On the monotonic clock: nothing is begun later, because the lanes may be somebody else's by its end.
 */
export async function sendRows(claimed: ClaimedRows, until: number, settings: RoundSettings): Promise<SettledRows> {
  const settled: Settled = { sent: [], held: [], failed: [] };
  await Promise.all(
    chainsOf(claimed.rows).map((chain) => sendChain(chain, claimed.takenOver, until, settled, settings)),
  );
  return settled;
}

function chainsOf(rows: readonly OutboxRow[]): OutboxRow[][] {
  const chains: OutboxRow[][] = [];
  const byKey = new Map<string, OutboxRow[]>();
  for (const row of rows) {
    const { topic, shardingKey } = row.message;
    if (shardingKey === undefined) {
      chains.push([row]);
      continue;
    }
    const key = `${topic}\n${shardingKey}`;
    const chain = byKey.get(key);
    if (chain !== undefined) chain.push(row);
    else {
      const first = [row];
      byKey.set(key, first);
      chains.push(first);
    }
  }
  return chains;
}

async function sendChain(
  chain: readonly OutboxRow[],
  takenOver: ReadonlySet<number>,
  until: number,
  settled: Settled,
  settings: RoundSettings,
): Promise<void> {
  const { topics, clock, counters, sendMillis } = settings;
  for (const row of chain) {
    // What is not begun stays as it is, for the next round or another relay.
    if (settings.stopping() || clock.monotonic() >= until) return;
    try {
      await topics.send(row.message, { timeoutMillis: sendMillis });
    } catch (error) {
      fail(row, error, settled, settings);
      return;
    }
    settled.sent.push(row.seq);
    counters.sent++;
    if (row.attempts > 0 || takenOver.has(row.lane)) counters.resent++;
  }
}

function fail({ seq, attempts, message }: OutboxRow, error: unknown, settled: Settled, settings: RoundSettings): void {
  const { counters, logger } = settings;
  // The application closes: whoever relays next sends it.
  if (error instanceof MessagingError && error.code === 'SHUTTING_DOWN' && settings.stopping()) return;
  const reason = reasonText(error);
  if (!isHopeless(error)) {
    counters.retried++;
    settled.held.push({ seq, delayMillis: pauseAfter(attempts + 1), error: reason });
    return;
  }
  counters.failed++;
  settled.failed.push({ seq, error: reason });
  const behind = message.shardingKey === undefined ? '' : ', and holds what follows with its key';
  logger.error(
    `outbox: the message ${message.messageId} to ${message.topic} cannot be sent${behind}: ${reason}. ` +
      'Mend the cause and call retryFailed(), or give it up with discardFailed()',
    error,
  );
}
