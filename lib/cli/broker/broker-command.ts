import type { Command } from 'commander';
import { BrokerHost, type BrokerSettings, resolveSettings, standaloneSettings } from '../../server/index.js';
import { UsageError } from '../failure.js';
import { addServerCommand } from '../serve/server-command.js';
import type { ServerKind } from '../serve/server-settings.js';
import { BROKER_FLAGS } from './broker-flags.js';

/** A broker on its own makes larger log files than one inside an application. */
export const BROKER: ServerKind<BrokerSettings> = {
  name: 'broker',
  flags: BROKER_FLAGS,
  resolve: resolveSettings,
  complete: standaloneSettings,
  checkFile({ path, content }) {
    if (content['share'] !== true) return;
    throw new UsageError(
      `"share" in ${path} is true, but a broker on its own keeps its store to itself; others connect to its port. Leave it out.`,
    );
  },
};

export function addBrokerCommand(program: Command): void {
  addServerCommand(program, {
    usage: 'broker',
    description: 'run a broker until it is stopped (SIGTERM, Ctrl-C)',
    help: HELP,
    kind: BROKER,
    start: (settings, platform) => BrokerHost.start(settings, platform),
  });
}

const HELP = `
Examples:
  nestmq broker --store /var/lib/nestmq
  nestmq broker --namesrv 10.0.0.1:9876 --name broker-a --host 10.0.0.2 --insecure

The settings file holds BrokerSettings:
  { "store": "/var/lib/nestmq", "flush": "sync", "listen": { "port": 9876 }, "retention": { "ageMillis": 86400000 } }
`;
