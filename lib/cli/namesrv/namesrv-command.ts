import type { Command } from 'commander';
import { NameServerHost, type NameServerSettings, resolveNameServerSettings } from '../../server/index.js';
import { addServerCommand } from '../serve/server-command.js';
import type { ServerKind } from '../serve/server-settings.js';
import { NAMESRV_FLAGS } from './namesrv-flags.js';

export const NAMESRV: ServerKind<NameServerSettings> = {
  name: 'nameServer',
  flags: NAMESRV_FLAGS,
  resolve: resolveNameServerSettings,
};

export function addNamesrvCommand(program: Command): void {
  addServerCommand(program, {
    usage: 'namesrv',
    description: 'run a NameServer for several brokers until it is stopped (SIGTERM, Ctrl-C)',
    help: HELP,
    kind: NAMESRV,
    start: (settings, platform) => NameServerHost.start(settings, platform),
  });
}

const HELP = `
Examples:
  nestmq namesrv
  nestmq namesrv --host 10.0.0.1 --insecure --broker-expiry 60s

The settings file holds NameServerSettings:
  { "listen": { "host": "127.0.0.1", "port": 9876 }, "brokerExpiryMillis": 120000 }
`;
