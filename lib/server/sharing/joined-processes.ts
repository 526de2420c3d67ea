import type { Platform } from '../../platform/index.js';
import type { JoinStoreRequestHeader } from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';
import type { BrokerHost } from '../broker-host.js';
import { isDead } from './life-sign.js';
import type { ProcessIdentity } from './process-identity.js';

/** After the connection of a process broke: how long after the last look it is looked again whether it has ended. */
const LOOKS_MILLIS = [0, 20, 100, 500, 2_000];

/** A process that works with the broker of this one. */
export interface JoinedProcess extends ProcessIdentity {
  /** Of the package. */
  readonly version: string;
  /** The highest store format that it can read. */
  readonly format: number;
}

/**
 * The processes that have joined a host, and what their ends mean: the queues that one of them had in order are free as
 * soon as it is certain that it has died, instead of when their locks run out.
 */
export class JoinedProcesses {
  private readonly watches = new Map<Channel, JoinStoreRequestHeader>();
  /** By join id, the other channels of a process. */
  private readonly channels = new Map<string, Set<Channel>>();
  /** By join id, the clients that were seen on channels which have closed since. */
  private readonly clients = new Map<string, Set<string>>();
  private closed = false;

  constructor(
    private readonly host: BrokerHost,
    private readonly store: string,
    private readonly platform: Platform,
  ) {}

  list(): readonly JoinedProcess[] {
    return [...this.watches.values()].map(({ pid, hostName, startedAt, version, format }) => ({
      pid,
      hostName,
      startedAt,
      version,
      format,
    }));
  }

  has(condition: (process: JoinStoreRequestHeader) => boolean): boolean {
    return [...this.watches.values()].some(condition);
  }

  /** The channel by which a process is known to be there. */
  watch(channel: Channel, process: JoinStoreRequestHeader): void {
    if (this.watches.has(channel)) return;
    this.watches.set(channel, process);
    channel.onClose(() => {
      this.watches.delete(channel);
      if (process.lifeSign) void this.lookAfter(process);
    });
  }

  /** Another channel of it. To be called before the broker knows the channel, whose members it forgets when that closes. */
  add(channel: Channel, { joinId }: JoinStoreRequestHeader): void {
    let open = this.channels.get(joinId);
    if (open === undefined) this.channels.set(joinId, (open = new Set()));
    open.add(channel);
    channel.onClose(() => {
      this.noteClient(joinId, channel);
      open.delete(channel);
      if (open.size === 0) this.channels.delete(joinId);
    });
  }

  /** Tells all to look for another host. */
  close(): void {
    this.closed = true;
    for (const channel of this.watches.keys()) void channel.close();
  }

  private noteClient(joinId: string, channel: Channel): void {
    const clientId = this.closed ? undefined : this.host.clientOf(channel);
    if (clientId === undefined) return;
    const known = this.clients.get(joinId);
    if (known === undefined) this.clients.set(joinId, new Set([clientId]));
    else known.add(clientId);
  }

  private async lookAfter({ joinId, pid }: JoinStoreRequestHeader): Promise<void> {
    const { clock, fileSystem, logger } = this.platform;
    try {
      for (const pause of LOOKS_MILLIS) {
        await clock.sleep(pause);
        if (this.closed || this.has((other) => other.joinId === joinId)) return;
        if (!(await isDead(fileSystem, this.store, joinId))) continue;
        for (const channel of this.channels.get(joinId) ?? []) this.noteClient(joinId, channel);
        for (const clientId of this.clients.get(joinId) ?? []) this.host.clientDied(clientId);
        break;
      }
      this.clients.delete(joinId);
    } catch (error) {
      logger.debug(`Whether process ${pid} has ended could not be seen: ${(error as Error).message}`);
    }
  }
}
