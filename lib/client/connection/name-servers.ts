import type { Random } from '../../platform/index.js';
import { MessagingError, type RemotingCommand } from '../../protocol/index.js';
import type { Connections } from './connections.js';
import { asMessagingError } from './response-error.js';

/** The NameServers: independent of each other, asked one at a time, from a random one on, the next after a failure. */
export class NameServers {
  private current: number;

  constructor(
    private readonly addresses: readonly string[],
    private readonly connections: Connections,
    random: Random,
    private readonly timeoutMillis: number,
  ) {
    if (addresses.length === 0) {
      throw new MessagingError('CONFIGURATION', 'No NameServer is given; name at least one as host:port');
    }
    this.current = random.below(addresses.length);
  }

  /** Asks every one of them, for what they do not tell each other. Rejects with the first failure, after the last is asked. */
  async invokeAll(createRequest: () => RemotingCommand): Promise<RemotingCommand[]> {
    const asked = await Promise.allSettled(
      this.addresses.map(async (address) => {
        const channel = await this.connections.open(address);
        return channel.invoke(createRequest(), this.timeoutMillis);
      }),
    );
    return asked.map((result, index) => {
      if (result.status === 'fulfilled') return result.value;
      throw asMessagingError(result.reason, `Asking the NameServer ${this.addresses[index]!}`);
    });
  }

  /** The answer of the first that answers. Rejects when none does, naming them all. */
  async invoke(createRequest: () => RemotingCommand): Promise<RemotingCommand> {
    let last: MessagingError | undefined;
    // Others ask at the same time and move `current` on: who went by it would ask one twice and another one never.
    const first = this.current;
    for (let tried = 0; tried < this.addresses.length; tried++) {
      const index = (first + tried) % this.addresses.length;
      const address = this.addresses[index]!;
      try {
        const channel = await this.connections.open(address);
        const response = await channel.invoke(createRequest(), this.timeoutMillis);
        this.current = index;
        return response;
      } catch (error) {
        last = asMessagingError(error, `Asking the NameServer ${address}`);
        if (last.code === 'SHUTTING_DOWN') throw last;
      }
    }
    throw new MessagingError(
      last!.code === 'TIMEOUT' ? 'TIMEOUT' : 'CONNECT_FAILED',
      `No NameServer answers (${this.addresses.join(', ')}): ${last!.message}`,
      { cause: last },
    );
  }
}
