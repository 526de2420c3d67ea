import type { FileLock, Platform } from '../../platform/index.js';
import {
  createRequest,
  ExtensionCode,
  type JoinStoreResponseHeader,
  MESSAGING_ERROR_CODES,
  MessagingError,
  type MessagingErrorCode,
  ResponseCode,
} from '../../protocol/index.js';
import { type Channel, TcpConnector, unixAddress } from '../../remoting/index.js';
import { readStoreHeader, STORE_FORMAT } from '../../store/index.js';
import { VERSION } from '../version.js';
import { NOT_YET, SHARING_VERSION } from './join-exchange.js';
import { giveLifeSign, isDead } from './life-sign.js';
import type { LockEntry } from './lock-entry.js';
import type { ProcessIdentity } from './process-identity.js';

/** How long a host may take to say whether it takes one in: it does nothing for that, so only a stopped one takes longer. */
const ANSWER_MILLIS = 2_000;
const JOIN_ID_RANGE = 2 ** 32;

/** The host is there and alive, and wants to be asked again: it opens its store, or is leaving. */
export class HostBusyError extends Error {}

/** Opens channels to the host of a store. */
export class Joiner {
  private readonly connector: TcpConnector;
  private readonly joinId: string;
  private lifeSign: FileLock | undefined;

  constructor(
    private readonly store: string,
    private readonly identity: ProcessIdentity,
    private readonly platform: Platform,
  ) {
    const { clock, logger, random } = platform;
    this.connector = new TcpConnector({ connectTimeout: ANSWER_MILLIS, serialize: 'binary' }, clock, logger);
    this.joinId = random.below(JOIN_ID_RANGE).toString(16);
  }

  /**
   * @param watch Whether it is the channel by which host and process watch each other.
   * @throws HostBusyError; MessagingError CONNECT_FAILED, CHANNEL_CLOSED or TIMEOUT when nobody answers at that socket;
   * any other one when the host refuses.
   */
  async open({ socket, pid }: LockEntry, watch: boolean): Promise<Channel> {
    if (watch) this.lifeSign ??= await this.sign();
    const channel = await this.connector.connect(unixAddress(socket));
    try {
      await this.greet(channel, watch, ANSWER_MILLIS, pid);
      return channel;
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  /** Nothing can be opened afterwards. The host must have been told good-bye: it takes this for the end of the process. */
  async close(): Promise<void> {
    if (this.lifeSign === undefined) return;
    await this.lifeSign.release();
    await isDead(this.platform.fileSystem, this.store, this.joinId);
  }

  /** Says who this is; on a watched channel again and again, to see that the host is alive. */
  async greet(channel: Channel, watch: boolean, timeoutMillis: number, pid: number): Promise<void> {
    const { hostName, startedAt, pid: ownPid } = this.identity;
    const header = {
      sharing: SHARING_VERSION,
      format: STORE_FORMAT,
      version: VERSION,
      pid: ownPid,
      hostName,
      startedAt,
      joinId: this.joinId,
      lifeSign: this.lifeSign !== undefined,
      watch,
    };
    const response = await channel.invoke(createRequest(ExtensionCode.JOIN_STORE, header), timeoutMillis);
    const remark = response.remark ?? '';
    if (response.code === ResponseCode.SERVICE_NOT_AVAILABLE && remark.startsWith(NOT_YET))
      throw new HostBusyError(remark.slice(NOT_YET.length));
    if (response.code !== ResponseCode.SUCCESS) throw this.refusal(remark, pid);
    await this.checkStore(response.header as JoinStoreResponseHeader);
  }

  /** Without it the host just waits longer when this process has died. */
  private async sign(): Promise<FileLock | undefined> {
    const { fileSystem, logger } = this.platform;
    try {
      return await giveLifeSign(fileSystem, this.store, this.joinId);
    } catch (error) {
      logger.debug(`There can be no sign of life in ${this.store}: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** A copied directory brings the lock file of the original along, and with it the socket of another store's host. */
  private async checkStore({ storeId, pid, format, version }: JoinStoreResponseHeader): Promise<void> {
    if (format > STORE_FORMAT) {
      throw new MessagingError(
        'STORE_NEWER',
        `The store ${this.store} is open in process ${pid} (nestmq ${version}) with the format ${format}; nestmq ${VERSION} reads up ` +
          `to ${STORE_FORMAT}. Update this process.`,
      );
    }
    const own = await readStoreHeader(this.platform.fileSystem, this.store);
    if (own?.storeId === storeId) return;
    throw new MessagingError(
      'STORE_LOCKED',
      `Process ${pid}, to which the lock of the store ${this.store} leads, has another store open (${storeId}, not ` +
        `${own?.storeId ?? 'one that exists yet'}). Was the directory copied or replaced while a process used it? End that process and start again.`,
    );
  }

  private refusal(remark: string, pid: number): MessagingError {
    const [, code = '', text = remark] = /^([A-Z_]+): (.*)$/s.exec(remark) ?? [];
    const known = (MESSAGING_ERROR_CODES as readonly string[]).includes(code);
    return new MessagingError(
      known ? (code as MessagingErrorCode) : 'STORE_LOCKED',
      `The store ${this.store} cannot be shared with process ${pid}: ${known ? text : remark}`,
    );
  }
}
