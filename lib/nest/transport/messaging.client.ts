import { ClientProxy, type ReadPacket, RpcException, type WritePacket } from '@nestjs/microservices';
import { type MessagingClient as EngineClient, RequestFailedError } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import { ConnectionEnvironment } from '../connection/connection-environment.js';
import { MessagingConnection } from '../connection/messaging-connection.js';
import { MessagingTemplate } from '../template/index.js';
import { type MessagingClientOptions, type ResolvedClientOptions, resolveClientOptions } from './client-options.js';
import { EventBook } from './event-book.js';
import { outgoingPacket, refuseForRequests } from './outgoing-packet.js';

/** @publicApi */
export type MessagingClientEvents = {
  connected: () => void;
  disconnected: () => void;
};

/**
 * Sends events and requests: `ClientsModule.register([{ name: 'ORDERS', customClass: MessagingClient, options: { … } }])`.
 * Patterns are `topic`, `topic:tag` or `{ topic, tag }`; data is text, bytes, an object, or a `MessagingRecord` with options.
 *
 * @publicApi
 */
export class MessagingClient extends ClientProxy<MessagingClientEvents> {
  private readonly options: ResolvedClientOptions;
  private readonly events = new EventBook<MessagingClientEvents>();
  private connecting: Promise<MessagingTemplate> | undefined;
  private template: MessagingTemplate | undefined;

  /** @throws MessagingError CONFIGURATION. */
  constructor(options: MessagingClientOptions = {}) {
    super();
    this.options = resolveClientOptions(options);
  }

  /**
   * Done by the first `emit` or `send`, where nobody has done it before.
   * @throws MessagingError CONNECT_FAILED when no broker can be reached; the next call tries again.
   */
  async connect(): Promise<void> {
    await this.connected();
  }

  /** Closes the connection, if it is its own. What is sent afterwards opens it again. */
  async close(): Promise<void> {
    const { connecting } = this;
    this.connecting = undefined;
    this.template = undefined;
    const template = await connecting?.catch(() => undefined);
    if (template === undefined) return;
    if (template !== this.options) await template.connection.close();
    this._status$.next('disconnected');
    this.events.emit('disconnected');
  }

  override on<Name extends keyof MessagingClientEvents, Callback extends MessagingClientEvents[Name]>(
    event: Name,
    callback: Callback,
  ): void {
    this.events.on(event, callback);
  }

  /** The client of `nestmq/client` that it sends with. @throws MessagingError BAD_ARGUMENT while it is not connected. */
  unwrap<T = EngineClient>(): T {
    const client = this.template?.connection.openClient;
    if (client !== undefined) return client as T;
    throw new MessagingError('BAD_ARGUMENT', 'the MessagingClient is not connected: unwrap() it after connect()');
  }

  /** Resolves with the `SendResult`, when the broker has the message safely. */
  protected async dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    const { destination, payload, options, orderlyKey, delay } = outgoingPacket(packet);
    const template = await this.connected();
    if (orderlyKey !== undefined) return (await template.sendOrderly(destination, payload, orderlyKey, options)) as T;
    if (delay !== undefined) return (await template.delay(destination, payload, delay, options)) as T;
    return (await template.syncSend(destination, payload, options)) as T;
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    let unsubscribed = false;
    this.ask(packet).then(
      (values) => {
        for (const response of values) {
          if (unsubscribed) return;
          callback({ response });
        }
        if (!unsubscribed) callback({ isDisposed: true });
      },
      (error: unknown) => {
        if (!unsubscribed) callback({ err: asThrown(error) });
      },
    );
    return () => {
      unsubscribed = true;
    };
  }

  /** The values of the answer: one, several of an Observable, or none. */
  private async ask(packet: ReadPacket): Promise<readonly unknown[]> {
    const outgoing = outgoingPacket(packet);
    refuseForRequests(outgoing);
    const template = await this.connected();
    const reply = await template.ask(outgoing.destination, outgoing.payload, outgoing.options);
    if (reply === undefined) return [];
    const value = template.connection.converter.decode(reply.body, reply.contentType, undefined);
    return reply.several && Array.isArray(value) ? (value as unknown[]) : [value];
  }

  private connected(): Promise<MessagingTemplate> {
    if (this.connecting !== undefined) return this.connecting;
    const opening: Promise<MessagingTemplate> = this.open().catch((error: unknown) => {
      if (this.connecting === opening) this.connecting = undefined;
      throw error;
    });
    this.connecting = opening;
    return opening;
  }

  private async open(): Promise<MessagingTemplate> {
    const template =
      this.options instanceof MessagingTemplate ? await shared(this.options) : await opened(this.options);
    this.template = template;
    this._status$.next('connected');
    this.events.emit('connected');
    return template;
  }
}

/** The application opens and closes it. */
async function shared(template: MessagingTemplate): Promise<MessagingTemplate> {
  await template.connection.whenReady();
  return template;
}

async function opened(options: Exclude<ResolvedClientOptions, MessagingTemplate>): Promise<MessagingTemplate> {
  const connection = new MessagingConnection(options, new ConnectionEnvironment());
  try {
    await connection.open();
    await connection.register();
    const { reached, failures } = await connection.openClient!.probe();
    if (reached === 0) {
      const why = failures.length > 0 ? failures.join('; ') : 'the NameServer knows no broker';
      throw new MessagingError('CONNECT_FAILED', `the MessagingClient cannot reach a broker: ${why}`);
    }
    return new MessagingTemplate(connection);
  } catch (error) {
    await connection.close();
    throw error instanceof MessagingError && error.code === 'STORE_LOCKED' ? withCure(error) : error;
  }
}

/** In one process a store has one connection. */
function withCure(error: MessagingError): MessagingError {
  return new MessagingError(
    error.code,
    `${error.message} In an application with MessagingModule give its template to the MessagingClient: { template }`,
    { cause: error },
  );
}

/** The RpcException of a handler, with its payload; any other failure of it as a RequestFailedError. */
function asThrown(error: unknown): unknown {
  if (!(error instanceof RequestFailedError)) return error;
  const { response, status } = error;
  const isPayload = typeof response === 'string' || (typeof response === 'object' && response !== null);
  // An HttpException has a response too, and a status.
  return isPayload && status === undefined ? Object.assign(new RpcException(response), { cause: error }) : error;
}
