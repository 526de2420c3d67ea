import type { Clock } from '../platform/index.js';
import { FLAG_ONEWAY, FLAG_RESPONSE, type RemotingCommand } from '../protocol/index.js';
import type { Channel, Connector, Respond } from './channel.js';
import { ChannelBase } from './channel-base.js';

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
    const answer = this.answerTo(request.opaque);
    if (this.synchronous) this.peer.serve(request, answer);
    // The server calls from inside a request of the client: the client must be out of it before it serves one itself.
    else this.clock.defer(() => this.peer.isClosed || this.peer.serve(request, answer));
  }

  /**
   * Keeps the opaque and not the request: while thousands wait for the disk, whatever they hold is copied by every young
   * collection (measured: a quarter of the processor time of a send).
   */
  private answerTo(opaque: number): Respond {
    return (response) => {
      response.opaque = opaque;
      response.flag |= FLAG_RESPONSE;
      this.calls.take(opaque)?.asker.answered(undefined, response);
    };
  }
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
