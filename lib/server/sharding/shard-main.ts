/**
 * What runs in the process of a shard: a broker that lives as long as its parent. Started by `ShardProcess`; nothing
 * imports this file.
 */
import { type Logger, NodeFileSystem, systemPlatform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { BrokerHost } from '../broker-host.js';
import type { BrokerSettings } from '../settings/broker-settings.js';
import { toCross } from '../worker/crossing-error.js';
import type { ShardMessage, ShardOrder } from './shard-messages.js';

// A terminal sends its signals to all processes; in which order they stop the parent decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

function tell(message: ShardMessage): void {
  // The parent may be gone, and with it whoever reads this.
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
}

const logger: Logger = {
  error: (message, cause) =>
    tell({ kind: 'log', level: 'error', message, cause: cause === undefined ? undefined : toCross(cause) }),
  warn: (message) => tell({ kind: 'log', level: 'warn', message }),
  log: (message) => tell({ kind: 'log', level: 'log', message }),
  debug: (message) => tell({ kind: 'log', level: 'debug', message }),
  verbose: (message) => tell({ kind: 'log', level: 'verbose', message }),
};

let starting: Promise<BrokerHost> | undefined;
let stopping = false;

async function start(settings: BrokerSettings): Promise<void> {
  try {
    starting = BrokerHost.start(settings, systemPlatform({ logger, fileSystem: NodeFileSystem.ofOwnLoop() }));
    const host = await starting;
    tell({ kind: 'started', address: host.address!, summary: host.summary() });
  } catch (error) {
    const known =
      error instanceof MessagingError ? error : new MessagingError('BROKER_ERROR', String(error), { cause: error });
    tell({ kind: 'refused', error: toCross(known) });
    starting = undefined;
    await stop(1);
  }
}

async function reload(): Promise<void> {
  try {
    await (await starting)?.reload();
    tell({ kind: 'reloaded' });
  } catch (error) {
    tell({ kind: 'reloaded', error: toCross(error) });
  }
}

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  try {
    await (await starting)?.stop();
  } catch (error) {
    logger.error('A shard did not stop in order', error);
    code = 1;
  }
  process.exitCode = code;
  // What has been told is sent before the channel closes; then nothing keeps the process.
  if (process.connected) process.disconnect();
}

process.on('message', (message: ShardOrder) => {
  if (message.order === 'start') void start(message.settings);
  else if (message.order === 'reload') void reload();
  else void stop(0);
});
// Nobody would ever start this shard again or tell it to stop: its store must be free for the next parent.
process.on('disconnect', () => void stop(0));
// Whatever was loaded before may have let go of the channel; until the broker listens it alone keeps the process.
process.channel?.ref();
// ... or may have listened before: what came until now nobody here has heard.
tell({ kind: 'ready' });
