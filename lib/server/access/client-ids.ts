import {
  decodeHeartbeatData,
  decodeLockBatchRequestBody,
  type RemotingCommand,
  RequestCode,
} from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';

/**
 * Whose client ids are whose: under the id of another account's client one would get its replies, and take its locks away.
 * An id belongs to the account that first sent a heartbeat with it, until that connection closes.
 */
export class ClientIds {
  private readonly owners = new Map<string, { readonly account: string; readonly channel: Channel }>();

  /** False when the request names a client of another account. The body is one that its rule has decoded already. */
  accepts(request: RemotingCommand, account: string, channel: Channel): boolean {
    const id = clientIdOf(request);
    if (id === undefined) return true;
    const owner = this.owners.get(id);
    if (owner !== undefined && owner.account !== account && !owner.channel.closed) return false;
    if (request.code === RequestCode.HEART_BEAT && owner?.channel !== channel) this.own(id, account, channel);
    return true;
  }

  private own(id: string, account: string, channel: Channel): void {
    const owner = { account, channel };
    this.owners.set(id, owner);
    channel.onClose(() => {
      if (this.owners.get(id) === owner) this.owners.delete(id);
    });
  }
}

function clientIdOf({ code, body, extFields }: RemotingCommand): string | undefined {
  switch (code) {
    case RequestCode.HEART_BEAT:
      return body && decodeHeartbeatData(body).clientID;
    case RequestCode.LOCK_BATCH_MQ:
    case RequestCode.UNLOCK_BATCH_MQ:
      return body && decodeLockBatchRequestBody(body).clientId;
    case RequestCode.UNREGISTER_CLIENT:
      return extFields?.get('clientID');
    default:
      return undefined;
  }
}
