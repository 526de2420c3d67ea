import { MessagingError, propertiesLength } from '../../protocol/index.js';
import type { SendResult } from './messages.js';
import { asMessagingError } from '../connection/response-error.js';
import { batchUnit, resultsWithin, type SendUnit } from './send-unit.js';

/** Bounds of the batch that gathers behind an unsettled send: enough to keep a queue busy, small enough to retry. */
const BATCH_MESSAGES = 128;
const BATCH_BYTES = 1024 * 1024;

/** A class for the same reason as SendUnit. */
class Waiting {
  constructor(
    readonly unit: SendUnit,
    readonly resolve: (result: SendResult) => void,
    readonly reject: (error: MessagingError) => void,
  ) {}
}

interface Lane {
  running: boolean;
  waiting: Waiting[];
}

/** Sends one unit to the ordered queue with this index; settles once all its attempts are over. */
export type DeliverOrdered = (unit: SendUnit, index: number) => Promise<SendResult>;

/**
 * Keyed sends, one lane per ordered queue. A lane has one unsettled request at the most, so a send that is retried can
 * never be overtaken by a later one; what arrives meanwhile goes out as one batch afterwards, which makes up for the
 * round trips. An idle lane sends at once.
 */
export class OrderedLanes {
  private readonly topics = new Map<string, Lane[]>();

  constructor(
    private readonly deliver: DeliverOrdered,
    private readonly monotonic: () => number,
  ) {}

  enter(unit: SendUnit, index: number, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
    const lane = this.lane(unit.topic, index);
    lane.waiting.push(new Waiting(unit, resolve, reject));
    if (!lane.running) void this.run(lane, index);
  }

  private lane(topic: string, index: number): Lane {
    let lanes = this.topics.get(topic);
    if (lanes === undefined) this.topics.set(topic, (lanes = []));
    return (lanes[index] ??= { running: false, waiting: [] });
  }

  private async run(lane: Lane, index: number): Promise<void> {
    lane.running = true;
    while (lane.waiting.length > 0) {
      const group = takeGroup(lane);
      if (group.length === 1) await this.sendOne(group[0]!, index);
      else await this.sendTogether(group, index);
    }
    lane.running = false;
  }

  private async sendOne({ unit, resolve, reject }: Waiting, index: number): Promise<void> {
    if (this.monotonic() >= unit.deadline) {
      reject(
        new MessagingError(
          'TIMEOUT',
          `Sending to ${unit.topic}: the time ran out behind earlier messages of the same queue`,
        ),
      );
      return;
    }
    try {
      resolve(await this.deliver(unit, index));
    } catch (error) {
      reject(asMessagingError(error, `Sending to ${unit.topic}`));
    }
  }

  private async sendTogether(group: Waiting[], index: number): Promise<void> {
    const now = this.monotonic();
    const messages: SendUnit[] = [];
    const live: Waiting[] = [];
    let deadline = 0;
    let retries = Number.MAX_SAFE_INTEGER;
    for (const waiting of group) {
      if (now >= waiting.unit.deadline) {
        await this.sendOne(waiting, index);
        continue;
      }
      live.push(waiting);
      messages.push(waiting.unit);
      deadline = Math.max(deadline, waiting.unit.deadline);
      retries = Math.min(retries, waiting.unit.retries);
    }
    if (live.length === 0) return;
    if (live.length === 1) return this.sendOne(live[0]!, index);
    try {
      const batch = batchUnit(messages, deadline, retries);
      const results = resultsWithin(await this.deliver(batch, index), batch.batch!);
      live.forEach(({ resolve }, at) => resolve(results[at]!));
    } catch (error) {
      const failure = asMessagingError(error, `Sending to ${messages[0]!.topic}`);
      if (failure.retryable) {
        for (const { reject } of live) reject(failure);
        return;
      }
      // The batch was refused for what it is. One of its messages may be to blame, the others are not: each on its own.
      for (const waiting of live) await this.sendOne(waiting, index);
    }
  }
}

function takeGroup(lane: Lane): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { unit } of lane.waiting) {
    if (unit.batch !== undefined || unit.delayed || unit.dedupId !== undefined || count === BATCH_MESSAGES) break;
    bytes += unit.body.length + propertiesLength(unit);
    if (bytes > BATCH_BYTES) break;
    count++;
  }
  return lane.waiting.splice(0, Math.max(1, count));
}
