import type { Command } from 'commander';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterQuery,
  LetterOutcome,
  LetterReport,
  MessagingAdmin,
} from '../../client/index.js';
import { UsageError } from '../failure.js';
import type { Flag, FlagValues } from '../flags/flag.js';
import { parseTime } from '../flags/times.js';
import { oneOf, parseCount } from '../flags/values.js';
import { messageDocument } from '../output/message-view.js';
import { table } from '../output/table.js';
import { addSubject, type Operation, type Outcome } from './operation.js';

const FILTER_FLAGS: readonly Flag[] = [
  { name: 'topic', value: 'topic', help: 'sent to this topic' },
  { name: 'tag', value: 'tag', help: 'with this tag' },
  { name: 'error-class', value: 'class', help: 'whose last error was of this class: TypeError' },
  { name: 'since', value: 'time', parse: parseTime, help: 'given up then or later: 2026-01-31T08:00Z, or 2h' },
  { name: 'until', value: 'time', parse: parseTime, help: 'given up before then' },
];

const list: Operation = {
  usage: 'list [group]',
  description: 'the groups that have dead letters; of one group its letters, the newest first',
  flags: [
    ...FILTER_FLAGS,
    {
      name: 'state',
      value: 'state',
      parse: oneOf('open', 'settled', 'all'),
      help: 'open, settled (resent or removed) or all; default open',
    },
    {
      name: 'order',
      value: 'order',
      parse: oneOf('newest', 'oldest'),
      help: 'which come first: newest or oldest; default newest',
    },
    { name: 'limit', value: 'n', parse: parseCount, help: 'letters of a page, up to 1000; default 50' },
    { name: 'cursor', value: 'cursor', help: 'for the next page: what the last one said' },
  ],
  check(flags, [group]) {
    if (group !== undefined) return;
    const given = (this.flags ?? []).find(({ name }) => flags.has(name));
    if (given !== undefined) throw new UsageError(`--${given.name} is about the letters of a group; name the group.`);
  },
  async run({ admin }, flags, [group]) {
    return group === undefined ? groups(admin) : letters(admin, group, flags);
  },
};

const resend: Operation = {
  usage: 'resend <group> [ids...]',
  description: 'send dead letters again, to the group that gave them up and to no other',
  flags: [
    { name: 'all', help: 'all that are open, or all that match' },
    ...FILTER_FLAGS,
    { name: 'to', value: 'topic', help: 'to this topic instead, where every group gets them' },
    { name: 'again', help: 'also those that were resent or removed before' },
    { name: 'keep-idempotency', help: 'a listener that has handled the message once passes it over' },
    { name: 'rate', value: 'n', parse: parseCount, help: 'with --all: at most so many a second' },
  ],
  examples: ['dlq resend billing broker-a:0:17', 'dlq resend billing --all --error-class TimeoutError --rate 50'],
  check(flags, [, ids]) {
    const some = (ids as unknown as string[]).length > 0;
    if (some === (flags.get('all') === true))
      throw new UsageError('Name the letters by their ids, or say --all; not both.');
    const given =
      FILTER_FLAGS.find(({ name }) => flags.has(name)) ?? (flags.has('rate') ? { name: 'rate' } : undefined);
    if (some && given !== undefined) throw new UsageError(`--${given.name} goes with --all.`);
    if (flags.get('rate') === 0) throw new UsageError('--rate must be at least 1.');
  },
  async run({ admin }, flags, [group, ids]) {
    const options = {
      to: flags.get('to') as string | undefined,
      again: flags.get('again') === true,
      keepIdempotency: flags.get('keep-idempotency') === true,
    };
    const outcomes: LetterOutcome[] = [];
    if (flags.get('all') !== true) {
      outcomes.push(...(await admin.deadLetters.resend(group!, ids as unknown as string[], options)));
      return resent(group!, outcomes);
    }
    const report = await admin.deadLetters.resendAll(group!, filterOf(flags), {
      ...options,
      ratePerSecond: flags.get('rate') as number | undefined,
      onOutcome: (outcome) => void outcomes.push(outcome),
    });
    return resent(group!, outcomes, report);
  },
};

async function groups(admin: MessagingAdmin): Promise<Outcome> {
  const found = await admin.deadLetters.groups();
  const text = table(
    ['group', 'kept', 'open'],
    found.map(({ group, kept, open }) => [group, kept, open]),
  );
  return { document: { groups: found }, text: found.length === 0 ? 'There are no dead letters.' : text };
}

async function letters(admin: MessagingAdmin, group: string, flags: FlagValues): Promise<Outcome> {
  const page = await admin.deadLetters.list(group, {
    ...filterOf(flags),
    state: flags.get('state') as DeadLetterQuery['state'],
    order: flags.get('order') as DeadLetterQuery['order'],
    limit: flags.get('limit') as number | undefined,
    cursor: flags.get('cursor') as string | undefined,
  });
  const rows = page.letters.map(({ id, state, lastFailedAt, topic, tag, attempts, errorClass, reason }) => [
    id,
    state,
    lastFailedAt,
    tag === undefined ? topic : `${topic}:${tag}`,
    attempts,
    [errorClass, reason].filter((part) => part !== undefined).join(': '),
  ]);
  const text =
    rows.length === 0
      ? `The group ${group} has no such dead letters.`
      : table(['id', 'state', 'given up', 'sent to', 'attempts', 'reason'], rows);
  const more = page.cursor === undefined ? '' : `\n\nThere are more: --cursor ${page.cursor}`;
  return {
    document: { group, letters: page.letters.map(letterDocument), cursor: page.cursor ?? null },
    text: text + more,
  };
}

function letterDocument(letter: DeadLetter): object {
  const { id, group, state, errorClass, reason, attempts, firstFailedAt, lastFailedAt, origin, message } = letter;
  return {
    id,
    group,
    state,
    errorClass: errorClass ?? null,
    reason: reason ?? null,
    attempts,
    firstFailedAt: firstFailedAt ?? null,
    lastFailedAt,
    origin: { topic: origin.topic, queue: origin.queueId ?? null, offset: origin.queueOffset ?? null },
    message: messageDocument(message),
  };
}

function resent(group: string, outcomes: readonly LetterOutcome[], report?: LetterReport): Outcome {
  const rows = outcomes.map(({ id, result, messageId, marked, error }) => ({
    id,
    result,
    messageId: messageId ?? null,
    marked,
    error: error === undefined ? null : { code: error.code, message: error.message },
  }));
  const count = (result: LetterOutcome['result']): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  const done = count('resent');
  // One that is gone was asked for by its id.
  const failed = count('failed') + count('gone');
  const complete = report?.complete ?? true;
  const summary = [`${done} resent to ${group}`];
  if (failed > 0) summary.push(`${failed} not`);
  if (!complete) summary.push(`not all were tried: ${report?.error?.message ?? 'it was called off'}`);
  const shown = table(
    ['id', 'result', 'new message', 'error'],
    rows.map(({ id, result, messageId, error }) => [id, result, messageId, error?.message]),
  );
  return {
    document: { group, resent: done, failed, complete, letters: rows },
    text: rows.length === 0 ? summary.join('; ') : `${shown}\n\n${summary.join('; ')}`,
    failed: failed > 0 || !complete,
  };
}

function filterOf(flags: FlagValues): DeadLetterFilter {
  return {
    topic: flags.get('topic') as string | undefined,
    tag: flags.get('tag') as string | undefined,
    errorClass: flags.get('error-class') as string | undefined,
    since: flags.get('since') as Date | undefined,
    until: flags.get('until') as Date | undefined,
  };
}

export function addDeadLetterCommands(program: Command): void {
  addSubject(program, 'dlq', 'dead letters: what groups gave up, and sending it again', [list, resend]);
}
