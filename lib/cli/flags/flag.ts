import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../failure.js';
import { parseSwitch } from './values.js';

/** One option of a command, which may also come from the environment. */
export interface Flag {
  /** Long name without dashes: `advertised-address`. */
  readonly name: string;
  /** How its value is called, without brackets. Absent: a switch. */
  readonly value?: string;
  /** Text to value; throws an Error that says what is wanted. Default: the text itself. */
  readonly parse?: (text: string) => unknown;
  /** May be given several times; in the environment separated by commas. */
  readonly many?: boolean;
  /** Variable of the environment. */
  readonly env?: string;
  /** Of a switch that is on unless it is turned off: help shows `--no-name`. */
  readonly on?: boolean;
  /** One line, with the default. */
  readonly help: string;
}

/** By the name of the flag; only those that were given. */
export type FlagValues = ReadonlyMap<string, unknown>;

export function addFlags(command: Command, flags: readonly Flag[]): Command {
  for (const flag of flags) {
    const help = flag.env === undefined ? flag.help : `${flag.help} (env: ${flag.env})`;
    if (flag.value === undefined) addSwitch(command, flag, help);
    else command.addOption(new Option(`--${flag.name} <${flag.value}>`, help).argParser(argumentParser(flag)));
  }
  return command;
}

/** Of the command line, or else of the environment. An empty variable counts as none. */
export function readFlags(command: Command, flags: readonly Flag[], env: NodeJS.ProcessEnv = process.env): FlagValues {
  const given = command.opts();
  const values = new Map<string, unknown>();
  for (const flag of flags) {
    const value: unknown = given[attributeOf(flag)] ?? fromEnvironment(flag, env);
    if (value !== undefined) values.set(flag.name, value);
  }
  return values;
}

/** Both forms, so that a file or a variable can be overruled either way; help shows the one that changes something. */
function addSwitch(command: Command, flag: Flag, help: string): void {
  const shown = flag.on === true ? `--no-${flag.name}` : `--${flag.name}`;
  for (const flags of [`--${flag.name}`, `--no-${flag.name}`])
    command.addOption(new Option(flags, help).hideHelp(flags !== shown));
}

function argumentParser(flag: Flag): (text: string, previous: unknown) => unknown {
  return (text, previous) => {
    const value = parsed(flag, text, (message) => new InvalidArgumentError(message));
    return flag.many === true ? [...((previous as unknown[] | undefined) ?? []), value] : value;
  };
}

function fromEnvironment(flag: Flag, env: NodeJS.ProcessEnv): unknown {
  const text = flag.env === undefined ? undefined : env[flag.env]?.trim();
  if (text === undefined || text === '') return undefined;
  const wrong = (message: string): Error =>
    new UsageError(`The variable ${flag.env} is ${JSON.stringify(text)}. ${message}`);
  if (flag.value === undefined) return parsed({ ...flag, parse: parseSwitch }, text, wrong);
  if (flag.many !== true) return parsed(flag, text, wrong);
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => parsed(flag, part, wrong));
}

function parsed(flag: Flag, text: string, wrong: (message: string) => Error): unknown {
  if (flag.parse === undefined) return text;
  try {
    return flag.parse(text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

/** As commander names it: `advertisedAddress`. */
function attributeOf({ name }: Flag): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
