import { Command } from 'commander';
import { VERSION } from '../server/index.js';
import { addBrokerCommand } from './broker/broker-command.js';
import { addNamesrvCommand } from './namesrv/namesrv-command.js';
import { addClusterCommand } from './operate/cluster-command.js';
import { addDeadLetterCommands } from './operate/dead-letter-commands.js';
import { addGroupCommands } from './operate/group-commands.js';
import { addMessageCommands } from './operate/message-commands.js';
import { addTopicCommands } from './operate/topic-commands.js';
import { addSchemaCommand } from './schema/schema-command.js';
import { EXIT_CODES, reportFailure } from './failure.js';

/** Runs one command. Resolves with the exit code when the process may end; never rejects. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const json = asksForJson(args);
  try {
    await createProgram(json).parseAsync(args, { from: 'user' });
    return EXIT_CODES.success;
  } catch (error) {
    return reportFailure(error, json);
  }
}

function createProgram(json: boolean): Command {
  const program = new Command('nestmq')
    .description(
      'Durable messaging in RocketMQ’s protocol: runs brokers, and operates them or those of Apache RocketMQ',
    )
    .version(`nestmq ${VERSION}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)')
    .addHelpText('after', EXIT_CODE_HELP);
  // Then the one document that stderr gets says it.
  if (json) program.configureOutput({ outputError: () => {}, writeErr: () => {} });
  addBrokerCommand(program);
  addNamesrvCommand(program);
  addTopicCommands(program);
  addGroupCommands(program);
  addMessageCommands(program);
  addDeadLetterCommands(program);
  addClusterCommand(program);
  addSchemaCommand(program);
  return program;
}

const EXIT_CODE_HELP = `
Exit codes:
  0  done; of a broker: stopped in order
  1  it failed; the message says what, where and how to mend it
  2  the command line, a variable of the environment or the settings file makes no sense`;

/** Known before the arguments are understood, since they may be what is wrong. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}
