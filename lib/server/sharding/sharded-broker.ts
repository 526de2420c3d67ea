import { type Platform, systemPlatform } from '../../platform/index.js';
import { MessagingError, RequestCode } from '../../protocol/index.js';
import { NameServerHost } from '../name-server-host.js';
import type { BrokerSettings } from '../settings/broker-settings.js';
import { VERSION } from '../version.js';
import { KeptShard } from './kept-shard.js';
import { settleShardCount } from './shard-count.js';
import { nameServerSettings, resolveShards, type ShardedSettings, shardName, shardSettings } from './shard-settings.js';

const SHARDS_ASK: ReadonlySet<number> = new Set([
  RequestCode.REGISTER_BROKER,
  RequestCode.UNREGISTER_BROKER,
  RequestCode.QUERY_DATA_VERSION,
  RequestCode.BROKER_HEARTBEAT,
]);

/**
 * Several brokers under one address, each a process of its own, so that each can use a core of its own. This process is
 * their NameServer: clients connect to its address and find the shards in the routes of topics, as with brokers on several machines.
 */
export class ShardedBroker {
  /** `ip:port` that clients are given. */
  readonly address: string;
  private stopping: Promise<void> | undefined;
  private readonly onExit = (): void => {
    for (const shard of this.shards) shard.kill();
  };

  /**
   * Resolves when messages can be sent to all shards.
   * @throws MessagingError CONFIGURATION, STORE_LOCKED, STORE_NEWER, STORE_DAMAGED.
   */
  static async start(
    settings: BrokerSettings & { readonly shards?: number },
    platform: Platform = systemPlatform(),
  ): Promise<ShardedBroker> {
    const resolved = resolveShards(settings);
    const { store, shards: count } = resolved;
    // With a part of the shards in its routes a client would spread its keys over these alone, and stay with that.
    let complete = false;
    const isOpen = (code: number): boolean => complete || SHARDS_ASK.has(code);
    const nameServer = await startNameServer(resolved, platform, isOpen);
    const shards: KeptShard[] = [];
    try {
      const { first } = await settleShardCount(platform.fileSystem, store, count);
      for (let index = 0; index < count; index++) {
        const own = shardSettings(resolved, index, nameServer.address, index >= first);
        shards.push(new KeptShard(shardName(resolved, index), own, platform));
      }
      // Each to its end: one that is still starting could not be stopped.
      const outcomes = await Promise.allSettled(shards.map((shard) => shard.start()));
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      complete = true;
    } catch (error) {
      await Promise.all(shards.map((shard) => shard.stop()));
      await nameServer.stop();
      throw error;
    }
    return new ShardedBroker(resolved, nameServer, shards);
  }

  private constructor(
    private readonly settings: ShardedSettings,
    private readonly nameServer: NameServerHost,
    private readonly shards: readonly KeptShard[],
  ) {
    this.address = nameServer.address;
    // Ended at once, so are they: stopping in order is what was given up.
    process.on('exit', this.onExit);
  }

  /** One line for the log: what is stored where, what a crash can cost, who can connect. */
  summary(): string {
    const { store, base } = this.settings;
    const places = this.shards.map(({ name, address }) => `${name} on ${address ?? 'no port yet'}`).join(', ');
    const flush =
      base.flush === 'async'
        ? 'flush async: a power cut loses what was acknowledged in the last 500 ms'
        : 'synced before acknowledged';
    const access = base.acl === undefined ? 'no access control' : 'access control';
    return `nestmq ${VERSION} broker of ${this.shards.length} shards (${places}); store ${store}, ${flush}; listening on ${this.address}; ${access}`;
  }

  /**
   * Reads again what the settings name by a path, here and in every shard.
   * @throws MessagingError CONFIGURATION when something is wrong with it; then this process has what it had.
   */
  async reload(): Promise<void> {
    await this.nameServer.reload();
    await Promise.all(this.shards.map((shard) => shard.reload()));
  }

  /** Stops all shards in order, then the NameServer: until then it leads clients away from those that have stopped. */
  stop(): Promise<void> {
    return (this.stopping ??= this.close());
  }

  private async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.stop()));
    process.off('exit', this.onExit);
    await this.nameServer.stop();
  }
}

/** Its lock is that of the whole folder. What it finds wrong is named as it was set. */
async function startNameServer(
  settings: ShardedSettings,
  platform: Platform,
  isOpen: (code: number) => boolean,
): Promise<NameServerHost> {
  try {
    return await NameServerHost.start(nameServerSettings(settings), platform, isOpen);
  } catch (error) {
    if (!(error instanceof MessagingError)) throw error;
    throw new MessagingError(error.code, error.message.replaceAll('nameServer.', 'broker.'), { cause: error });
  }
}
