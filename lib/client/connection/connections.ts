import { MessagingError } from '../../protocol/index.js';
import type { Channel, Connector, RequestHandler } from '../../remoting/index.js';

const MOST_RETIRED = 8;

/** One channel per address, opened on demand and again after it closed; callers that ask meanwhile share the attempt. */
export class Connections {
  private readonly channels = new Map<string, Channel>();
  private readonly opening = new Map<string, Promise<Channel>>();
  /** Left by `retire`, while answers are still on their way. */
  private readonly retired = new Set<Channel>();
  /** When each address was last connected to, on the monotonic clock; 0 while it was only once. */
  private readonly reconnected = new Map<string, number>();
  private closed = false;

  constructor(
    private readonly connector: Connector,
    private readonly serve: RequestHandler,
    private readonly monotonic: () => number,
    /** The address has no channel any more, and nobody has asked for another one yet. */
    private readonly lost: (address: string) => void,
  ) {}

  /** The channel if it is open now: the way of the hot path, without a promise. */
  peek(address: string): Channel | undefined {
    const channel = this.channels.get(address);
    return channel === undefined || channel.closed ? undefined : channel;
  }

  async open(address: string): Promise<Channel> {
    const channel = this.peek(address);
    if (channel !== undefined) return channel;
    let opening = this.opening.get(address);
    if (opening === undefined) {
      opening = this.connect(address).finally(() => this.opening.delete(address));
      this.opening.set(address, opening);
    }
    return opening;
  }

  /** Whether the connection broke and came back within the last `milliseconds`. */
  isBack(address: string, milliseconds: number): boolean {
    const at = this.reconnected.get(address) ?? 0;
    return at > 0 && this.monotonic() - at < milliseconds;
  }

  /** The other end goes away: the next `open` makes another channel. What waits for answers on this one still gets them. */
  retire(address: string): void {
    const channel = this.channels.get(address);
    if (channel === undefined) return;
    this.channels.delete(address);
    if (channel.closed) return;
    this.retired.add(channel);
    // A broker that says again and again that it goes, and does not, must not cost a connection each time.
    const [oldest] = this.retired;
    if (this.retired.size > MOST_RETIRED && oldest !== undefined) {
      this.retired.delete(oldest);
      void oldest.close();
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const channels = [...this.channels.values(), ...this.retired];
    this.channels.clear();
    await Promise.all(channels.map((channel) => channel.close()));
  }

  private async connect(address: string): Promise<Channel> {
    if (this.closed) throw closing(address);
    const channel = await this.connector.connect(address);
    if (this.closed) {
      await channel.close();
      throw closing(address);
    }
    channel.onRequest(this.serve);
    this.channels.set(address, channel);
    // At least 1, since 0 stands for a first connection.
    this.reconnected.set(address, this.reconnected.has(address) ? Math.max(1, this.monotonic()) : 0);
    channel.onClose(() => {
      this.retired.delete(channel);
      if (this.channels.get(address) === channel) this.channels.delete(address);
      if (!this.closed && this.peek(address) === undefined) this.lost(address);
    });
    return channel;
  }
}

function closing(address: string): MessagingError {
  return new MessagingError('SHUTTING_DOWN', `No connection to ${address}: this client is shut down`);
}
