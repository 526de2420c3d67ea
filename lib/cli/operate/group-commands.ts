import type { Command } from 'commander';
import type { Position } from '../../client/index.js';
import { UsageError } from '../failure.js';
import { parseCount } from '../flags/values.js';
import { parseTime } from '../flags/times.js';
import { age, table } from '../output/table.js';
import { addSubject, type Operation } from './operation.js';

const list: Operation = {
  usage: 'list',
  description: 'all consumer groups, at work or not',
  async run({ admin }) {
    const groups = await admin.groups.list();
    const text = table(
      ['group', 'members', 'lag', 'topics'],
      groups.map(({ group, members, lag, topics }) => [group, members.length, lag, topics.join(' ')]),
    );
    return { document: { groups }, text: groups.length === 0 ? 'There are no groups.' : text };
  },
};

const lag: Operation = {
  usage: 'lag <group>',
  description: 'how far a group is behind, queue by queue',
  flags: [{ name: 'topic', value: 'topic', help: 'only in this topic; default all, and its retries' }],
  async run({ admin }, flags, [group]) {
    const { queues, members, ...sums } = await admin.groups.lag(group!, {
      topic: flags.get('topic') as string | undefined,
    });
    const rows = queues.map(({ topic, brokerName, queueId, position, end, lag, oldestAgeMillis }) => ({
      topic,
      broker: brokerName,
      queue: queueId,
      position,
      end,
      lag,
      oldestAgeMillis,
    }));
    const text = table(
      ['topic', 'broker', 'queue', 'position', 'end', 'lag', 'oldest'],
      rows.map((row) => [...Object.values(row).slice(0, -1), row.lag === 0 ? undefined : age(row.oldestAgeMillis)]),
    );
    const who = members.length === 0 ? 'no member is at work' : `${members.length} members: ${members.join(' ')}`;
    return {
      document: { ...sums, members, queues: rows },
      text: `${text}\n\n${group}: ${sums.lag} messages behind; ${who}`,
    };
  },
};

const resetOffset: Operation = {
  usage: 'reset-offset <group> <topic>',
  description: 'move a group to another place of a topic, at work or not',
  flags: [
    {
      name: 'to',
      value: 'place',
      parse: parsePlace,
      help: 'earliest, latest, a time (2026-01-31T08:00Z, or 2h for two hours ago), or an offset with --queue',
    },
    { name: 'queue', value: 'id', parse: parseCount, help: 'only this queue' },
    { name: 'broker', value: 'name', help: 'only the queues of this broker' },
  ],
  examples: ['group reset-offset billing orders --to earliest', 'group reset-offset billing orders --to 2h'],
  check(flags) {
    if (!flags.has('to')) throw new UsageError('Say where to: --to earliest, latest, a time or an offset.');
    if (typeof flags.get('to') === 'number' && !flags.has('queue'))
      throw new UsageError('An offset is one of a single queue: give --queue as well.');
  },
  async run({ admin }, flags, [group, topic]) {
    const moved = await admin.backlog.resetPosition(group!, topic!, flags.get('to') as Position, {
      queueId: flags.get('queue') as number | undefined,
      brokerName: flags.get('broker') as string | undefined,
    });
    const queues = moved.map(({ brokerName, queueId, offset }) => ({ broker: brokerName, queue: queueId, offset }));
    return {
      document: { group, topic, queues },
      text: table(
        ['broker', 'queue', 'offset'],
        queues.map((row) => Object.values(row)),
      ),
    };
  },
};

function parsePlace(text: string): Position {
  if (text === 'earliest' || text === 'latest') return text;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return parseTime(text);
}

export function addGroupCommands(program: Command): void {
  addSubject(program, 'group', 'consumer groups: who they are, how far they are, moving them', [
    list,
    lag,
    resetOffset,
  ]);
}
