import type { Clock } from '../platform/index.js';
import { FLAG_ONEWAY, type RemotingCommand } from '../protocol/index.js';
import type { Channel, Connector } from './channel.js';
import { type Answer, ChannelBase } from './channel-base.js';

/** What stands in the place of `ip:port` where there is no network. */
export const IN_PROCESS_ADDRESS = 'in-process';

class InProcessChannel extends ChannelBase {
  peer!: InProcessChannel;

  constructor(
    clock: Clock,
    /** Client to server at once: a thread hop or a turn of the loop per message would cost more than the message. */
    private readonly synchronous: boolean,
  ) {
    super(clock, IN_PROCESS_ADDRESS);
  }

  oneway(request: RemotingCommand): void {
    if (this.isClosed) return;
    request.opaque = this.calls.nextOpaque();
    request.flag = FLAG_ONEWAY;
    this.hand(request);
  }

  async close(): Promise<void> {
    this.finish();
    this.peer.finish();
  }

  protected hand(request: RemotingCommand): void {
    if (this.synchronous) this.peer.serve(request, this.accept);
    // The server calls from inside a request of the client: the client must be out of it before it serves one itself.
    else this.clock.defer(() => this.peer.isClosed || this.peer.serve(request, this.accept));
  }

  private readonly accept: Answer = (response) => {
    this.calls.take(response.opaque)?.answered(undefined, response);
  };
}

/**
 * Two ends of a channel without a network: no frames, no copies, the same commands as over TCP. Whoever hands a command
 * over must not change it afterwards, header and body included.
 */
export function createInProcessPair(clock: Clock): { client: Channel; server: Channel } {
  const client = new InProcessChannel(clock, true);
  const server = new InProcessChannel(clock, false);
  client.peer = server;
  server.peer = client;
  return { client, server };
}

/** Leads every address to the broker inside; `accept` gets the broker's end of each new channel. */
export class InProcessConnector implements Connector {
  constructor(
    private readonly accept: (channel: Channel) => void,
    private readonly clock: Clock,
  ) {}

  async connect(): Promise<Channel> {
    const { client, server } = createInProcessPair(this.clock);
    this.accept(server);
    return client;
  }
}
