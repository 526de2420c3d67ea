import type { Command } from 'commander';
import type { TopicAccess, TopicStats } from '../../client/index.js';
import { UsageError } from '../failure.js';
import { oneOf, parseCount, parseDuration } from '../flags/values.js';
import { table } from '../output/table.js';
import { addSubject, type Operation, type Outcome } from './operation.js';

const list: Operation = {
  usage: 'list',
  description: 'the names of the topics',
  flags: [{ name: 'all', help: 'also the broker’s own, and those of retries and dead letters' }],
  async run({ admin }, flags) {
    const topics = await admin.topics.list({ all: flags.get('all') === true });
    return {
      document: { topics },
      text:
        topics.length === 0
          ? 'There are no topics.'
          : table(
              ['topic'],
              topics.map((name) => [name]),
            ),
    };
  },
};

const create: Operation = {
  usage: 'create <topic>',
  description: 'make a topic on every broker; one that is there already is left as it is',
  flags: [{ name: 'queues', value: 'n', parse: parseCount, help: 'queues of each broker; default 4' }],
  examples: ['topic create orders --queues 8'],
  async run({ admin }, flags, [topic]) {
    await admin.topics.create(topic!, flags.get('queues') as number | undefined);
    return shown(await admin.topics.stats(topic!));
  },
};

const update: Operation = {
  usage: 'update <topic>',
  description: 'give a topic more queues, or close it to senders or readers',
  flags: [
    { name: 'queues', value: 'n', parse: parseCount, help: 'queues of each broker; never fewer than there are' },
    {
      name: 'keys',
      help: 'spread keys over the new queues as well: keyed sends wait until groups have settled what came before',
    },
    {
      name: 'except',
      value: 'group',
      many: true,
      help: 'with --keys: a group that is not waited for; may be repeated',
    },
    {
      name: 'wait',
      value: 'time',
      parse: parseDuration,
      help: 'with --keys: how long the groups may take; default 60s',
    },
    {
      name: 'access',
      value: 'access',
      parse: oneOf('read-write', 'read', 'write'),
      help: 'read-write, read (nobody can send) or write (nobody can consume)',
    },
  ],
  examples: ['topic update orders --queues 16', 'topic update orders --access read'],
  check(flags) {
    if (!flags.has('queues') && !flags.has('access')) throw new UsageError('Say what to change: --queues or --access.');
    if (!flags.has('queues') && flags.get('keys') === true) throw new UsageError('--keys goes with --queues.');
    if (flags.get('keys') !== true && (flags.has('except') || flags.has('wait')))
      throw new UsageError('--except and --wait go with --keys.');
  },
  async run({ admin }, flags, [topic]) {
    if (flags.has('queues')) {
      await admin.topics.widen(topic!, flags.get('queues') as number, {
        keys: flags.get('keys') === true,
        except: flags.get('except') as string[] | undefined,
        timeoutMillis: flags.get('wait') as number | undefined,
      });
    }
    if (flags.has('access')) await admin.topics.setAccess(topic!, flags.get('access') as TopicAccess);
    return shown(await admin.topics.stats(topic!));
  },
};

const remove: Operation = {
  usage: 'delete <topic>',
  description: 'delete a topic with all its messages, and the positions of its groups',
  flags: [{ name: 'if-exists', help: 'one that is not there is no error' }],
  async run({ admin }, flags, [topic]) {
    // Deleting says nothing of a topic that never was; whoever mistypes its name would believe it gone.
    if (flags.get('if-exists') !== true) await admin.topics.stats(topic!);
    await admin.topics.delete(topic!);
    return { document: { topic, deleted: true }, text: `The topic ${topic} is deleted.` };
  },
};

const stats: Operation = {
  usage: 'stats <topic>',
  description: 'what the queues of a topic hold',
  async run({ admin }, _flags, [topic]) {
    return shown(await admin.topics.stats(topic!));
  },
};

function shown({ topic, queues, messages, orderedQueues, writable }: TopicStats): Outcome {
  const rows = queues.map(({ brokerName, queueId, minOffset, maxOffset, lastStoredAt }) => ({
    broker: brokerName,
    queue: queueId,
    minOffset,
    maxOffset,
    messages: maxOffset - minOffset,
    lastStoredAt: lastStoredAt ?? null,
  }));
  const text = table(
    ['broker', 'queue', 'min offset', 'max offset', 'messages', 'last stored'],
    rows.map((row) => Object.values(row)),
  );
  const closed = writable ? '' : '; it takes no messages';
  return {
    document: { topic, messages, orderedQueues, writable, queues: rows },
    text: `${text}\n\n${topic}: ${messages} messages in ${queues.length} queues, keys over ${orderedQueues} of them${closed}`,
  };
}

export function addTopicCommands(program: Command): void {
  addSubject(program, 'topic', 'topics: what there is, what they hold, making and deleting them', [
    list,
    create,
    update,
    remove,
    stats,
  ]);
}
