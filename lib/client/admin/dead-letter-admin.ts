import {
  checkGroup,
  checkTopic,
  DEAD_LETTER_PREFIX,
  decodeTopicList,
  isDeadLetterTopic,
  isRetryTopic,
  isSendableTopic,
  MessagingError,
  RequestCode,
} from '../../protocol/index.js';
import type { AdminCalls } from './admin-calls.js';
import { checkOptions, option } from './check-options.js';
import type { DeadLetter } from './dead-letter.js';
import { LetterBox } from './letter-box.js';
import { type DeadLetterFilter, FILTER_RULES, matches } from './letter-filter.js';
import { type LetterOutcome, LetterResender } from './letter-resender.js';
import { Pace } from './pace.js';

/** @publicApi */
export interface DeadLetterQuery extends DeadLetterFilter {
  /** Which come first. Default: `newest`. */
  order?: 'newest' | 'oldest';
  /** Letters of one page, 1 to 1,000. Default: 50. */
  limit?: number;
  /** Of the page before. */
  cursor?: string;
  /** `open`: neither resent nor removed. Default: `open`. */
  state?: 'open' | 'settled' | 'all';
}

/** @publicApi */
export interface DeadLetterPage {
  letters: DeadLetter[];
  /** For the next page; undefined on the last one. */
  cursor: string | undefined;
}

/** @publicApi */
export interface DeadLetterSummary {
  group: string;
  /** Letters that are kept, settled ones included. */
  kept: number;
  /** Those that are neither resent nor removed. */
  open: number;
}

/** @publicApi */
export interface ResendOptions {
  /** Send to this topic, where every group gets it. Default: back to the group that gave it up, and to no other. */
  to?: string;
  /** Whether letters that were resent or removed before are meant as well. Default: false. */
  again?: boolean;
  /**
   * Whether a listener with `@Idempotent` that has handled the message passes the copy over. Default: false, a resend is
   * handled whatever was handled before.
   */
  keepIdempotency?: boolean;
}

/** @publicApi */
export interface ProgressOptions {
  /** At most so many letters a second. Default: as fast as it goes. */
  ratePerSecond?: number;
  /** Ends the work after the letters that are under way. */
  signal?: AbortSignal;
  /** Called with what became of each letter. What it throws, or rejects with, ends the work. */
  onOutcome?: (outcome: LetterOutcome) => void | Promise<void>;
}

/** What has become of many dead letters. @publicApi */
export interface LetterReport {
  /** False when it was ended by the signal, or by the failure in `error`; calling it again goes on with what is left. */
  complete: boolean;
  resent: number;
  removed: number;
  failed: number;
  /** Letters that were resent and could not be marked: they stay open. */
  unmarked: number;
  /** The last failure. */
  error?: MessagingError;
}

const MOST_PER_PAGE = 1000;
const BATCH = 32;

const RESEND_RULES = { to: option.text, again: option.flag, keepIdempotency: option.flag } as const;
const PROGRESS_RULES = { ratePerSecond: option.rate, signal: option.signal, onOutcome: option.callback } as const;
const QUERY_RULES = {
  ...FILTER_RULES,
  order: option.oneOf('newest', 'oldest'),
  limit: option.whole(1, MOST_PER_PAGE),
  cursor: option.text,
  state: option.oneOf('open', 'settled', 'all'),
} as const;

type Work = (letters: readonly DeadLetter[]) => Promise<LetterOutcome[]>;

/**
 * The messages that groups gave up: looking through them, sending them again, putting them away. A letter that was
 * resent or removed is marked by the broker, durably, and not offered again unless asked for.
 *
 * @publicApi
 */
export class DeadLetterAdmin {
  constructor(private readonly calls: AdminCalls) {}

  /** The groups that have dead letters, by name. */
  async groups(): Promise<DeadLetterSummary[]> {
    const body = await this.calls.askNameServer(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, {});
    const names = decodeTopicList(body).topicList.filter(isDeadLetterTopic).toSorted();
    const found: DeadLetterSummary[] = [];
    for (const name of names) {
      const group = name.slice(DEAD_LETTER_PREFIX.length);
      const { kept, open } = await (await LetterBox.open(this.calls, group)).count();
      if (kept > 0) found.push({ group, kept, open });
    }
    return found;
  }

  /** A page of the group's letters; none for a group that has never had any. */
  async list(group: string, query: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    await this.mustBeGroup(group);
    checkOptions('deadLetters.list', query, QUERY_RULES);
    const { order = 'newest', limit = 50, cursor, state = 'open' } = query;
    const box = await LetterBox.open(this.calls, group);
    const letters: DeadLetter[] = [];
    for await (const window of box.scan({ order, cursor })) {
      for (const letter of window) {
        if (state !== 'all' && (letter.state === 'open') !== (state === 'open')) continue;
        if (!matches(letter, query)) continue;
        if (letters.length === limit) return { letters, cursor: letter.id };
        letters.push(letter);
      }
    }
    return { letters, cursor: undefined };
  }

  /** One letter, settled or not; undefined when it is not there any more. */
  async get(group: string, id: string): Promise<DeadLetter | undefined> {
    await this.mustBeGroup(group);
    return (await LetterBox.open(this.calls, group)).find(id);
  }

  /** Sends letters again, and says of each what became of it, in their order. Rejects only for bad arguments. */
  async resend(group: string, ids: string | readonly string[], options: ResendOptions = {}): Promise<LetterOutcome[]> {
    await this.mustBeGroup(group);
    checkOptions('deadLetters.resend', options, RESEND_RULES);
    await this.mustBeTarget(options.to);
    const box = await LetterBox.open(this.calls, group);
    const { producer } = await this.calls.parts();
    const resender = new LetterResender(producer, box, options.to, options.keepIdempotency === true);
    return this.each(box, ids, options.again === true, (letters) => resender.resend(letters));
  }

  /** The same with all that match, oldest first. Those that come while it works are left alone. */
  async resendAll(
    group: string,
    filter: DeadLetterFilter = {},
    options: ResendOptions & ProgressOptions = {},
  ): Promise<LetterReport> {
    await this.mustBeGroup(group);
    checkOptions('deadLetters.resendAll', filter, FILTER_RULES);
    checkOptions('deadLetters.resendAll', options, { ...RESEND_RULES, ...PROGRESS_RULES });
    await this.mustBeTarget(options.to);
    const box = await LetterBox.open(this.calls, group);
    const { producer } = await this.calls.parts();
    const resender = new LetterResender(producer, box, options.to, options.keepIdempotency === true);
    return this.all(box, filter, options, options.again === true, (letters) => resender.resend(letters));
  }

  /** Puts letters away: they are not offered again, and go with the log instead of after 14 days. */
  async remove(group: string, ids: string | readonly string[]): Promise<LetterOutcome[]> {
    await this.mustBeGroup(group);
    const box = await LetterBox.open(this.calls, group);
    return this.each(box, ids, false, (letters) => removeFrom(box, letters));
  }

  /** The same with all that match. */
  async removeAll(group: string, filter: DeadLetterFilter = {}, options: ProgressOptions = {}): Promise<LetterReport> {
    await this.mustBeGroup(group);
    checkOptions('deadLetters.removeAll', filter, FILTER_RULES);
    checkOptions('deadLetters.removeAll', options, PROGRESS_RULES);
    const box = await LetterBox.open(this.calls, group);
    return this.all(box, filter, options, false, (letters) => removeFrom(box, letters));
  }

  private async each(
    box: LetterBox,
    ids: string | readonly string[],
    again: boolean,
    work: Work,
  ): Promise<LetterOutcome[]> {
    const wanted = typeof ids === 'string' ? [ids] : [...ids];
    const outcomes: LetterOutcome[] = [];
    for (let at = 0; at < wanted.length; at += BATCH) {
      const batch = wanted.slice(at, at + BATCH);
      const found = await Promise.all(batch.map((id) => box.find(id)));
      const open = new Set(found.filter((letter) => letter !== undefined && (again || letter.state === 'open')));
      const done = new Map((await work([...open] as DeadLetter[])).map((outcome) => [outcome.id, outcome]));
      batch.forEach((id, index) => {
        const letter = found[index];
        outcomes.push(
          done.get(id) ?? {
            id,
            result: letter === undefined ? 'gone' : 'settled-before',
            marked: letter !== undefined,
          },
        );
      });
    }
    return outcomes;
  }

  private async all(
    box: LetterBox,
    filter: DeadLetterFilter,
    options: ProgressOptions,
    again: boolean,
    work: Work,
  ): Promise<LetterReport> {
    const { ratePerSecond, signal, onOutcome } = options;
    const { core } = await this.calls.parts();
    const pace = new Pace(core.platform.clock, ratePerSecond, signal);
    const report: LetterReport = { complete: false, resent: 0, removed: 0, failed: 0, unmarked: 0 };
    const windows = box.scan({ order: 'oldest' });
    for (;;) {
      const window = await reachable(report, () => windows.next());
      if (window === undefined) return report;
      if (window.done === true) break;
      const letters = window.value.filter((letter) => (again || letter.state === 'open') && matches(letter, filter));
      for (let at = 0; at < letters.length; at += pace.step) {
        const batch = letters.slice(at, at + pace.step);
        if (!(await pace.take(batch.length))) return report;
        const outcomes = await reachable(report, () => work(batch));
        if (outcomes === undefined) return report;
        for (const outcome of outcomes) {
          count(report, outcome);
          await onOutcome?.(outcome);
        }
        // A broker that is away fails every one of them: what is left is for another call.
        if (outcomes.every(({ result, error }) => result === 'failed' && error?.retryable === true)) return report;
      }
    }
    report.complete = true;
    return report;
  }

  private async mustBeGroup(group: string): Promise<void> {
    checkGroup(group, (await this.calls.parts()).core.settings.namespace);
  }

  private async mustBeTarget(topic: string | undefined): Promise<void> {
    if (topic === undefined) return;
    checkTopic(topic, (await this.calls.parts()).core.settings.namespace);
    if (isSendableTopic(topic) && !isRetryTopic(topic) && !isDeadLetterTopic(topic)) return;
    throw new MessagingError(
      'BAD_ARGUMENT',
      `Dead letters are resent to a topic of your own, or to their group when no topic is named; not to ${topic}`,
    );
  }
}

/** Undefined when a broker could not be reached, or not just now; the report then says so. */
async function reachable<T>(report: LetterReport, step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof MessagingError) || !error.retryable) throw error;
    report.error = error;
    return undefined;
  }
}

async function removeFrom(box: LetterBox, letters: readonly DeadLetter[]): Promise<LetterOutcome[]> {
  if (letters.length === 0) return [];
  if (await box.mark(letters, 'removed')) return letters.map(({ id }) => ({ id, result: 'removed', marked: true }));
  throw new MessagingError(
    'NOT_SUPPORTED',
    `The dead letters of ${box.group} cannot be removed: their broker keeps no marks. Let them expire, or delete the topic`,
  );
}

function count(report: LetterReport, { result, marked, error }: LetterOutcome): void {
  if (result === 'resent') report.resent++;
  else if (result === 'removed') report.removed++;
  else if (result === 'failed') report.failed++;
  if (result === 'resent' && !marked) report.unmarked++;
  if (error !== undefined) report.error = error;
}
