import { KvConfig, NameServer } from '../nameserver/index.js';
import { type FileLock, type Platform, systemPlatform } from '../platform/index.js';
import { type Channel, TcpServer } from '../remoting/index.js';
import type { AccessGuard } from './access/access-guard.js';
import { loadAccounts } from './access/accounts.js';
import { guardOf } from './access/guard-of.js';
import {
  type NameServerSettings,
  resolveNameServerSettings,
  type ResolvedNameServerSettings,
} from './settings/name-server-settings.js';
import { lockStore } from './store-lock.js';
import { loadTls } from './tls-material.js';
import { VERSION } from './version.js';

export interface NameServerHealth {
  readonly state: 'running' | 'stopped';
  /** Addresses of brokers that are registered, and topics that they have. */
  readonly brokers: number;
  readonly topics: number;
  readonly connections: number;
}

interface Parts {
  readonly settings: ResolvedNameServerSettings;
  readonly lock: FileLock | undefined;
  readonly listener: TcpServer;
  /** Undefined without access control. */
  readonly guard: AccessGuard | undefined;
  readonly nameServer: NameServer;
}

/** A NameServer on its own: brokers register at it, clients ask it where topics are. Several know nothing of each other. */
export class NameServerHost {
  /** `ip:port` that is listened on. */
  readonly address: string;
  private stopping: Promise<void> | undefined;

  /**
   * Resolves when brokers can register.
   * @param isOpen For `ShardedBroker`: which requests are answered by now; the others are put off.
   * @throws MessagingError CONFIGURATION, STORE_LOCKED, STORE_DAMAGED.
   */
  static async start(
    settings: NameServerSettings = {},
    platform: Platform = systemPlatform(),
    isOpen?: (code: number) => boolean,
  ): Promise<NameServerHost> {
    const resolved = resolveNameServerSettings(settings);
    const { store, brokerExpiryMillis, scanMillis } = resolved;
    const lock = store === undefined ? undefined : await lockStore(platform.fileSystem, store);
    try {
      const kv = store === undefined ? KvConfig.inMemory(platform) : await KvConfig.open(platform, store);
      const nameServer = new NameServer(platform, { brokerExpiryMillis, scanMillis }, kv);
      const onChannel = (channel: Channel): void => nameServer.accept(channel, isOpen);
      const tls = resolved.tls && (await loadTls(resolved.tls, 'nameServer.tls'));
      const isServed = (code: number): boolean => nameServer.handlers.has(code);
      const guard = await guardOf(resolved.acl, 'nameServer.acl', isServed, platform);
      const options = { ...resolved.listen, tls, admit: guard?.admit, onChannel };
      const listener = await TcpServer.listen(options, platform.clock, platform.logger);
      nameServer.start();
      return new NameServerHost({ settings: resolved, lock, listener, guard, nameServer });
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }

  private constructor(private readonly parts: Parts) {
    this.address = parts.listener.address;
  }

  /**
   * Reads again what the settings name by a path: key and certificates of `tls`, the accounts of `acl`.
   * @throws MessagingError CONFIGURATION when something is wrong with it; then all stays as it was.
   */
  async reload(): Promise<void> {
    const { settings, listener, guard } = this.parts;
    const tls = settings.tls && (await loadTls(settings.tls, 'nameServer.tls'));
    const accounts = settings.acl && (await loadAccounts(settings.acl, 'nameServer.acl'));
    if (tls !== undefined) listener.renewTls(tls);
    if (accounts) guard?.renew(accounts);
  }

  /** One line for the log: where it listens, what it keeps, when it forgets. */
  summary(): string {
    const { store, brokerExpiryMillis } = this.parts.settings;
    const kept = store === undefined ? 'configuration in memory' : `configuration in ${store}`;
    const expiry = `brokers are forgotten after ${brokerExpiryMillis} ms of silence`;
    const access = this.parts.guard === undefined ? 'no access control' : 'access control';
    return [`nestmq ${VERSION} NameServer`, `listening on ${this.address}`, access, kept, expiry].join('; ');
  }

  health(): NameServerHealth {
    const { nameServer, listener } = this.parts;
    const { addresses, topics } = nameServer.size;
    const state = this.stopping === undefined ? 'running' : 'stopped';
    return { state, brokers: addresses, topics, connections: listener.connections };
  }

  /** Closes all connections. Brokers and clients go on with what they know, and with other NameServers. */
  stop(): Promise<void> {
    return (this.stopping ??= this.close());
  }

  private async close(): Promise<void> {
    const { nameServer, listener, lock } = this.parts;
    nameServer.stop();
    try {
      await listener.close();
    } finally {
      await lock?.release();
    }
  }
}
