import type { Command } from 'commander';
import { ConsoleLogger, type LogLevel, type Platform, NodeFileSystem, systemPlatform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { addFlags, readFlags } from '../flags/flag.js';
import { PROCESS_FLAGS } from '../flags/process-flags.js';
import { readSettingsFile } from '../flags/settings-file.js';
import { type Server, serveUntilSignalled } from './serve.js';
import { inFlags, type ServerKind, serverSettings } from './server-settings.js';

export interface ServerCommand<S> {
  readonly usage: string;
  readonly description: string;
  /** What the help says beneath the flags. */
  readonly help: string;
  readonly kind: ServerKind<S>;
  start(settings: S, platform: Platform): Promise<Server>;
}

/** A command that runs until it is stopped. */
export function addServerCommand<S extends object>(program: Command, server: ServerCommand<S>): void {
  const command = program
    .command(server.usage)
    .description(server.description)
    .addHelpText('after', server.help + COMMON_HELP)
    .action(() => run(command, server));
  addFlags(command, [...server.kind.flags, ...PROCESS_FLAGS]);
}

async function run<S extends object>(command: Command, { kind, start }: ServerCommand<S>): Promise<void> {
  const values = readFlags(command, [...kind.flags, ...PROCESS_FLAGS]);
  const path = values.get('config') as string | undefined;
  const file = path === undefined ? undefined : { path, content: await readSettingsFile(path) };
  const settings = serverSettings(kind, values, file);
  const logger = new ConsoleLogger(values.get('log-level') as LogLevel | undefined);
  await serveUntilSignalled(async () => {
    try {
      return await start(settings, systemPlatform({ logger, fileSystem: NodeFileSystem.ofOwnLoop() }));
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      throw new MessagingError(error.code, inFlags(kind, error.message, values, file), { cause: error });
    }
  }, logger);
}

const COMMON_HELP = `
A flag goes before a variable of the environment, that before the settings file (--config), that before the default.
SIGTERM and SIGINT stop it in order; a second one ends it at once. SIGHUP has it read the files of certificates and accounts again.`;
