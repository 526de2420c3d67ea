import type { Command } from 'commander';
import type * as Idempotency from '../../idempotency/index.js';
import { MessagingError } from '../../protocol/index.js';
import { UsageError } from '../failure.js';
import { addFlags, type Flag, readFlags } from '../flags/flag.js';
import { oneOf, parseCount } from '../flags/values.js';

const DIALECTS = ['postgres', 'mysql', 'sqlite'] as const;

const FLAGS: readonly Flag[] = [
  {
    name: 'dialect',
    value: 'name',
    parse: oneOf(...DIALECTS),
    help: 'postgres, mysql (also for MariaDB) or sqlite',
  },
  {
    name: 'since',
    value: 'version',
    parse: parseCount,
    help: 'only what is newer than this, the newest version in the table nestmq_schema; default 0',
  },
  { name: 'json', help: 'one JSON document on stdout; errors as JSON on stderr' },
];

/** Asks no database: what it prints is for whoever runs the migrations of the application. */
export function addSchemaCommand(program: Command): void {
  const command = program
    .command('schema')
    .description('the SQL that makes the tables of inbox and outbox, for migration tools');
  addFlags(command, FLAGS);
  command.addHelpText('after', '\nExamples:\n  nestmq schema --dialect postgres > migrations/007-nestmq.sql');
  command.action(async () => {
    const flags = readFlags(command, FLAGS);
    const dialect = flags.get('dialect') as (typeof DIALECTS)[number] | undefined;
    if (dialect === undefined) throw new UsageError(`Say for which database: --dialect ${DIALECTS.join(', ')}.`);
    const statements = (await idempotency()).schema(dialect, flags.get('since') as number | undefined);
    if (flags.get('json') === true) process.stdout.write(`${JSON.stringify({ dialect, statements })}\n`);
    else process.stdout.write(statements.map((statement) => `${statement};\n`).join('\n'));
  });
}

/** Loaded for this command alone: it knows Nest, without which brokers run as well. */
async function idempotency(): Promise<typeof Idempotency> {
  try {
    return await import('../../idempotency/index.js');
  } catch (error) {
    throw new MessagingError(
      'CONFIGURATION',
      `This command needs the packages of an application beside it: run it there, as \`npx nestmq schema\`. ${(error as Error).message}`,
      { cause: error },
    );
  }
}
