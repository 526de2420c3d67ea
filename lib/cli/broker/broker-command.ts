import type { Command } from 'commander';
import { systemPlatform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { BrokerHost } from '../../server/index.js';
import { addFlags, readFlags } from '../flags/flag.js';
import { PROCESS_FLAGS } from '../flags/process-flags.js';
import { readSettingsFile } from '../flags/settings-file.js';
import { serverLogger } from '../serve/server-logger.js';
import { serveUntilSignalled } from '../serve/serve.js';
import { SETTING_FLAGS } from './broker-flags.js';
import { brokerSettings, inFlags } from './broker-settings.js';

export function addBrokerCommand(program: Command): void {
  const command = program
    .command('broker')
    .description('run a broker until it is stopped (SIGTERM, Ctrl-C)')
    .addHelpText('after', HELP)
    .action(() => runBroker(command));
  addFlags(command, [...SETTING_FLAGS, ...PROCESS_FLAGS]);
}

async function runBroker(command: Command): Promise<void> {
  const values = readFlags(command, [...SETTING_FLAGS, ...PROCESS_FLAGS]);
  const path = values.get('config') as string | undefined;
  const file = path === undefined ? undefined : { path, content: await readSettingsFile(path) };
  const settings = brokerSettings(values, file);
  const logger = serverLogger(values);
  await serveUntilSignalled(async () => {
    try {
      return await BrokerHost.start(settings, systemPlatform({ logger }));
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      throw new MessagingError(error.code, inFlags(error.message, values, file), { cause: error });
    }
  }, logger);
}

const HELP = `
A flag goes before a variable of the environment, that before the settings file (--config), that before the default.
The file holds the settings of BrokerSettings:
  { "store": "/var/lib/nestmq", "flush": "sync", "listen": { "port": 9876 }, "retention": { "ageMillis": 86400000 } }

SIGTERM and SIGINT stop it in order: what is under way is acknowledged, the store is closed. A second one ends it at once.
SIGHUP has it read the files of certificates and keys again.`;
