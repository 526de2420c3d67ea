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
 * Rows of one key that follow each other travel as one batch when there are few keys with many rows each. Many keys side by side
 * do better one row at a time: the producer then puts rows of different keys into one request, and a batch goes alone.
 */
const RUNS_FROM = 8;
const RUN_MESSAGES = 128;
const RUN_BYTES = 512 * 1024;

interface Round extends RoundSettings {
  readonly settled: Settled;
  readonly until: number;
  readonly takenOver: ReadonlySet<number>;
  /** Whether rows of one key go together. */
  readonly runs: boolean;
}

/**
 * Sends what was claimed. Rows with a key go one after the other and end at the first that fails; keys, and rows without one,
 * do not wait for each other.
 *
 * @param until On the monotonic clock: nothing is begun later, because the lanes may be somebody else's by its end.
 */
export async function sendRows(claimed: ClaimedRows, until: number, settings: RoundSettings): Promise<SettledRows> {
  const settled: Settled = { sent: [], held: [], failed: [] };
  const chains = chainsOf(claimed.rows);
  const longest = chains.reduce((most, chain) => Math.max(most, chain.length), 0);
  const round: Round = {
    ...settings,
    settled,
    until,
    takenOver: claimed.takenOver,
    runs: longest * RUNS_FROM > chains.length,
  };
  await Promise.all(chains.map((chain) => sendChain(chain, round)));
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

async function sendChain(chain: readonly OutboxRow[], round: Round): Promise<void> {
  const { topics, clock, counters, settled } = round;
  const options = { timeoutMillis: round.sendMillis };
  let runs = round.runs;
  for (let at = 0; at < chain.length;) {
    // What is not begun stays as it is, for the next round or another relay.
    if (round.stopping() || clock.monotonic() >= round.until) return;
    const run = runs ? runFrom(chain, at, topics) : 1;
    const rows = chain.slice(at, at + run);
    try {
      if (run === 1) await topics.send(rows[0]!.message, options);
      else {
        await topics.sendTogether(
          rows.map(({ message }) => message),
          options,
        );
      }
    } catch (error) {
      if (run > 1 && isHopeless(error)) {
        // One of them is to blame, the others are not: each on its own.
        runs = false;
        continue;
      }
      fail(rows[0]!, error, settled, round);
      return;
    }
    for (const { seq, attempts, lane } of rows) {
      settled.sent.push(seq);
      counters.sent++;
      if (attempts > 0 || round.takenOver.has(lane)) counters.resent++;
    }
    at += run;
  }
}

/** How many rows from there on may travel as one batch; 1 for those that cannot. */
function runFrom(chain: readonly OutboxRow[], at: number, topics: DedupTopics): number {
  if (topics.deduplicates(chain[at]!.message.topic) !== false) return 1;
  let bytes = 0;
  let count = 0;
  for (; count < RUN_MESSAGES && at + count < chain.length; count++) {
    const { body, delay, dedupId } = chain[at + count]!.message;
    bytes += body.length;
    if (delay !== undefined || dedupId !== undefined || bytes > RUN_BYTES) break;
  }
  return Math.max(1, count);
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
