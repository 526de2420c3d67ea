import {
  MemoryFileSystem,
  SeededRandom,
  silentLogger,
  VirtualClock,
  type FileSystem,
  type Logger,
  type Platform,
} from '../../lib/platform/index.js';
import { MessagingError, type RemotingCommand } from '../../lib/protocol/index.js';
import type { Channel, Connector } from '../../lib/remoting/index.js';
import { BrokerHost, type BrokerSettings } from '../../lib/server/index.js';
import {
  ConsumeMode,
  MessagingClient,
  type ClientOptions,
  type ConsumerOptions,
  type ListenerBinding,
  type OutgoingMessage,
  type PushConsumer,
  type ReceivedMessage,
  type Settlement,
} from '../../lib/client/index.js';

export const ACK: Settlement = { kind: 'acknowledge' };

export function retry(error: unknown = new Error('not yet'), delayMillis?: number): Settlement {
  return { kind: 'retry', error, delayMillis };
}

export function text(topic: string, body: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { topic, body: Buffer.from(body), ...more };
}

export interface Seen {
  body: string;
  attempt: number;
  at: number;
  client: string;
  message: ReceivedMessage;
}

/** A broker in memory and its clients, on one virtual clock. */
export class World {
  readonly clock = new VirtualClock();
  readonly warnings: string[] = [];
  private readonly clients: MessagingClient[] = [];
  private readonly channels = new Map<MessagingClient, Channel[]>();
  private readonly cut = new Set<MessagingClient>();
  /** Asked before every request of a client; what it returns is the answer. */
  intercept: (request: RemotingCommand) => Promise<RemotingCommand> | undefined = () => undefined;
  private seed = 1;
  host!: BrokerHost;

  static async start(settings: BrokerSettings = {}, fileSystem: FileSystem = new MemoryFileSystem()): Promise<World> {
    const world = new World({ memory: true, ...settings }, fileSystem);
    world.host = await BrokerHost.start(world.settings, world.platform());
    return world;
  }

  private constructor(
    private readonly settings: BrokerSettings,
    readonly fileSystem: FileSystem,
  ) {}

  /** Only with a store: what is in memory goes. */
  async restart(): Promise<void> {
    await this.drive(this.host.stop());
    this.host = await BrokerHost.start(this.settings, this.platform());
  }

  platform(): Platform {
    const note = (message: string): void => void this.warnings.push(message);
    const logger: Logger = { ...silentLogger, warn: note, error: note };
    return { clock: this.clock, fileSystem: this.fileSystem, random: new SeededRandom(this.seed++), logger };
  }

  async client(options: Partial<ClientOptions> = {}): Promise<MessagingClient> {
    const channels: Channel[] = [];
    const connector: Connector = {
      connect: async (address) => {
        if (this.cut.has(client)) throw new MessagingError('CONNECT_FAILED', 'the process is gone');
        const channel = await this.host.connector.connect(address);
        channels.push(channel);
        const invoke = channel.invoke.bind(channel);
        channel.invoke = (request, timeoutMillis) => {
          const answer = this.intercept(request);
          return answer === undefined ? invoke(request, timeoutMillis) : answer;
        };
        return channel;
      },
    };
    const client: MessagingClient = new MessagingClient(
      { application: 'test', nameServers: ['in-process'], connector, ...options },
      this.platform(),
    );
    this.channels.set(client, channels);
    this.clients.push(client);
    await client.start();
    return client;
  }

  /** A started consumer; what its listeners see is noted in order. */
  async consume(
    client: MessagingClient,
    options: Partial<ConsumerOptions> & { group: string },
    ...bindings: (Partial<ListenerBinding> & { topic: string })[]
  ): Promise<{ consumer: PushConsumer; seen: Seen[] }> {
    const seen: Seen[] = [];
    const consumer = client.consumer({ mode: ConsumeMode.CONCURRENT, ...options });
    bindings.forEach((binding, index) => {
      consumer.add({
        name: `listener-${index}`,
        ...binding,
        handle: (message, signal) => {
          seen.push({
            body: message.text(),
            attempt: message.attempt,
            at: this.clock.now(),
            client: client.clientId,
            message,
          });
          return binding.handle?.(message, signal) ?? ACK;
        },
      });
    });
    await this.drive(consumer.register());
    await this.drive(consumer.start());
    return { consumer, seen };
  }

  /** Awaits something that may need time to pass. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    promise.then(
      () => (done = true),
      () => (done = true),
    );
    await this.clock.advanceUntil(() => done, 600_000);
    return promise;
  }

  async until(condition: () => boolean, limit = 60_000): Promise<void> {
    await this.clock.advanceUntil(condition, limit);
  }

  /** All connections of the client break; it may open others. */
  async disconnect(client: MessagingClient): Promise<void> {
    for (const channel of this.channels.get(client)?.splice(0) ?? []) await channel.close();
  }

  /** The process of this client is gone: its channels close, it says and does nothing more. */
  vanish(client: MessagingClient): void {
    for (const channel of this.channels.get(client) ?? []) void channel.close();
    this.clients.splice(this.clients.indexOf(client), 1);
    this.cut.add(client);
  }

  async stop(): Promise<void> {
    for (const client of this.clients) await this.drive(client.shutdown(1000));
    await this.drive(this.host.stop());
  }
}

export function bodies(seen: readonly Seen[]): string[] {
  return seen.map((entry) => entry.body);
}

export function gate(): { open: () => void; opened: Promise<void> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}
