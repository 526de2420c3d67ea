import type { Command } from 'commander';
import type { MessagingClient } from '../../client/index.js';
import { ReportedFailure } from '../failure.js';
import { addFlags, type Flag, type FlagValues, readFlags } from '../flags/flag.js';
import { CONNECTION_FLAGS, withClient } from './connection.js';

/** What a command came to: the document of `--json`, and the same for people. */
export interface Outcome {
  /** Its fields are stable; `null` where there is nothing. */
  readonly document: object;
  /** Bytes are written as they are. */
  readonly text: string | Buffer;
  /** Some of it did not succeed, as it says: the exit code tells scripts. */
  readonly failed?: boolean;
}

/** A command that asks a broker, or tells it something. */
export interface Operation {
  /** With its arguments: `create <topic>`. */
  readonly usage: string;
  readonly description: string;
  readonly flags?: readonly Flag[];
  /** Lines of the help, without `nestmq`. */
  readonly examples?: readonly string[];
  run(client: MessagingClient, flags: FlagValues, args: readonly (string | undefined)[]): Promise<Outcome>;
  /** Refuses senseless flags and arguments before anything is asked. */
  check?(flags: FlagValues, args: readonly (string | undefined)[]): void;
}

const JSON_FLAG: Flag = { name: 'json', help: 'one JSON document on stdout; errors as JSON on stderr' };

/** One subject with its operations: `nestmq topic …`. */
export function addSubject(
  program: Command,
  name: string,
  description: string,
  operations: readonly Operation[],
): Command {
  const subject = program.command(name).description(description);
  for (const operation of operations) addOperation(subject, operation);
  return subject;
}

export function addOperation(parent: Command, operation: Operation): void {
  const flags = [...(operation.flags ?? []), ...CONNECTION_FLAGS, JSON_FLAG];
  const command = parent.command(operation.usage).description(operation.description);
  addFlags(command, flags);
  if (operation.examples !== undefined)
    command.addHelpText('after', `\nExamples:\n${operation.examples.map((line) => `  nestmq ${line}`).join('\n')}`);
  command.action(async () => {
    const values = readFlags(command, flags);
    const args = command.processedArgs as (string | undefined)[];
    operation.check?.(values, args);
    const outcome = await withClient(values, (client) => operation.run(client, values, args));
    write(outcome, values.get('json') === true);
    if (outcome.failed === true) throw new ReportedFailure();
  });
}

function write({ document, text }: Outcome, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(document)}\n`);
  else process.stdout.write(typeof text === 'string' ? `${text}\n` : text);
}
