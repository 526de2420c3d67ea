import { chmod } from 'node:fs/promises';
import type { Platform } from '../../platform/index.js';
import {
  createResponse,
  ExtensionCode,
  type JoinStoreRequestHeader,
  type RemotingCommand,
  ResponseCode,
} from '../../protocol/index.js';
import { type Channel, type RequestHandler, type Respond, TcpServer } from '../../remoting/index.js';
import type { BrokerHost } from '../broker-host.js';
import { VERSION } from '../version.js';
import { NOT_YET, SHARING_VERSION } from './join-exchange.js';
import { type JoinedProcess, JoinedProcesses } from './joined-processes.js';
import { sweepLifeSigns } from './life-sign.js';
import { isSameProcess, type ProcessIdentity } from './process-identity.js';
import { makePrivate, socketPlaces } from './socket-place.js';

/**
 * The host's door for the other processes of this machine: a socket that only this user can reach. Who comes in says who
 * it is first; after that the broker serves it like a client over TCP.
 */
export class LocalServer {
  private host: BrokerHost | undefined;
  private processes: JoinedProcesses | undefined;
  private leaving = false;
  private server!: TcpServer;

  /**
   * Only the holder of the store's lock may call this: what lies at the path is left from a dead host, and is removed.
   * Undefined, with a warning, where there can be no such socket; the host then has its store to itself.
   */
  static async open(store: string, identity: ProcessIdentity, platform: Platform): Promise<LocalServer | undefined> {
    const problems: string[] = [];
    for (const { directory, path } of socketPlaces(store)) {
      const local = new LocalServer(path, store, identity, platform);
      try {
        await makePrivate(platform.fileSystem, directory);
        await platform.fileSystem.remove(path);
        await sweepLifeSigns(platform.fileSystem, store);
        const onChannel = (channel: Channel): void => local.welcome(channel);
        local.server = await TcpServer.listen({ path, onChannel }, platform.clock, platform.logger);
        await chmod(path, 0o600);
        return local;
      } catch (error) {
        problems.push((error as Error).message);
        await local.server?.close();
      }
    }
    platform.logger.warn(
      `Other processes cannot join the broker of the store ${store}: ${problems.join('; ') || 'every path for a socket is too long'}`,
    );
    return undefined;
  }

  private constructor(
    readonly path: string,
    private readonly store: string,
    private readonly identity: ProcessIdentity,
    private readonly platform: Platform,
  ) {}

  /** Who has joined, each process once. */
  get joined(): readonly JoinedProcess[] {
    return this.processes?.list() ?? [];
  }

  /** From now on others may join; before, they were told to wait. */
  serve(host: BrokerHost): void {
    this.processes = new JoinedProcesses(host, this.store, this.platform);
    this.host = host;
  }

  /** Lets nobody in any more, and tells who has joined to look for another host. What they have asked is still answered. */
  leave(): void {
    this.leaving = true;
    this.processes?.close();
  }

  close(): Promise<void> {
    this.leave();
    return this.server.close();
  }

  private welcome(channel: Channel): void {
    let serve: RequestHandler | undefined;
    channel.onRequest((request, from, respond) => {
      if (request.code === ExtensionCode.JOIN_STORE) serve = this.join(request, channel, respond, serve);
      else if (serve !== undefined) serve(request, from, respond);
      else
        respond(refused(ResponseCode.NO_PERMISSION, 'NO_PERMISSION: a channel to a shared store begins with joining'));
    });
  }

  /** Returns what serves the channel from now on. */
  private join(
    { header }: RemotingCommand,
    channel: Channel,
    respond: Respond,
    serve: RequestHandler | undefined,
  ): RequestHandler | undefined {
    const asked = header as JoinStoreRequestHeader;
    const { host, processes } = this;
    if (this.leaving || host === undefined || processes === undefined) {
      respond(
        refused(ResponseCode.SERVICE_NOT_AVAILABLE, `${NOT_YET}the host is ${this.leaving ? 'leaving' : 'starting'}`),
      );
      return serve;
    }
    const { storeId, format } = host.storeFacts;
    const problem = this.problemOf(asked, format, processes);
    if (problem !== undefined) {
      respond(refused(ResponseCode.NO_PERMISSION, problem));
      return serve;
    }
    if (asked.watch) processes.watch(channel, asked);
    else if (serve === undefined) processes.add(channel, asked);
    respond(createResponse(ResponseCode.SUCCESS, { storeId, format, version: VERSION, pid: this.identity.pid }));
    return serve ?? (asked.watch ? undefined : host.attach(channel));
  }

  private problemOf(asked: JoinStoreRequestHeader, format: number, processes: JoinedProcesses): string | undefined {
    const host = `process ${this.identity.pid} (nestmq ${VERSION})`;
    if (asked.sharing !== SHARING_VERSION) {
      return (
        `STORE_NEWER: ${host} shares the store in another way than nestmq ${asked.version} does: ` +
        'run the same version in both, or give one of them a store of its own (broker.store).'
      );
    }
    if (asked.format < format) {
      return (
        `STORE_NEWER: the store that ${host} has open is of format ${format}, and nestmq ${asked.version} reads up to ` +
        `${asked.format}, so it could not take over. Update it.`
      );
    }
    const twice =
      isSameProcess(asked, this.identity) ||
      processes.has((other) => isSameProcess(other, asked) && other.joinId !== asked.joinId);
    if (!twice) return undefined;
    return (
      `STORE_LOCKED: process ${asked.pid} uses this store already, under another name. Use one connection for it, or give one ` +
      'of them another broker.store.'
    );
  }
}

function refused(code: number, remark: string): RemotingCommand {
  return createResponse(code, {}, remark);
}
