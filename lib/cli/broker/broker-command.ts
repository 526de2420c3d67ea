import type { Command } from 'commander';
import type { Platform } from '../../platform/index.js';
import {
  BrokerHost,
  type BrokerSettings,
  readShardCount,
  resolveSettings,
  resolveShards,
  ShardedBroker,
  standaloneSettings,
} from '../../server/index.js';
import { UsageError } from '../failure.js';
import { addServerCommand } from '../serve/server-command.js';
import type { Server } from '../serve/serve.js';
import type { ServerKind } from '../serve/server-settings.js';
import { BROKER_FLAGS } from './broker-flags.js';

/** A broker of one process, or of several under one address. */
export interface BrokerCommandSettings extends BrokerSettings {
  shards?: number;
}

/** A broker on its own makes larger log files than one inside an application. */
export const BROKER: ServerKind<BrokerCommandSettings> = {
  name: 'broker',
  flags: BROKER_FLAGS,
  resolve: (settings) => (settings.shards === undefined ? resolveSettings(settings) : resolveShards(settings)),
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
    start,
  });
}

async function start(settings: BrokerCommandSettings, platform: Platform): Promise<Server> {
  if (settings.shards !== undefined) return ShardedBroker.start(settings, platform);
  const { shards: _shards, ...own } = settings;
  const { store, memory } = resolveSettings(own);
  const count = memory ? undefined : await readShardCount(platform.fileSystem, store);
  if (count !== undefined)
    throw new UsageError(
      `The store ${store} is that of ${count.shards} shards: their messages would not be found. Start it with --shards ${count.shards}, or name another ` +
        'folder with --store.',
    );
  return BrokerHost.start(own, platform);
}

const HELP = `
Examples:
  nestmq broker --store /var/lib/nestmq
  nestmq broker --store /var/lib/nestmq --shards 4
  nestmq broker --namesrv 10.0.0.1:9876 --name broker-a --host 10.0.0.2 --insecure

The settings file holds BrokerSettings:
  { "store": "/var/lib/nestmq", "flush": "sync", "listen": { "port": 9876 }, "retention": { "ageMillis": 86400000 } }
`;
