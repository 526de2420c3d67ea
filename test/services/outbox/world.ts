import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsumeMode, MessagingClient, type OutgoingMessage, type ReceivedMessage } from '../../../lib/client/index.js';
import { migrate, OutboxRelay, RELAY_DEFAULTS, SqlOutbox } from '../../../lib/idempotency/index.js';
import { silentLogger, systemPlatform } from '../../../lib/platform/index.js';
import { TcpConnector } from '../../../lib/remoting/index.js';
import { BrokerHost } from '../../../lib/server/index.js';
import { freePort } from '../../support/free-port.js';
import { type Connected, connectTo, type Place } from './place.js';

/** `orders` does not de-duplicate, `payments` does. */
const TOPICS = [
  { name: 'orders', queues: 4 },
  { name: 'payments', queues: 4, dedup: { window: 600_000 } },
];

/** A broker on a port of its own, a client of it that listens to both topics, and an outbox in the database. */
export class World {
  readonly platform = systemPlatform({ logger: silentLogger });
  readonly received: ReceivedMessage[] = [];
  /** Called for each message before it counts as received. */
  handle: (message: ReceivedMessage) => Promise<void> | void = () => undefined;
  readonly outbox: SqlOutbox;
  private host!: BrokerHost;
  private client!: MessagingClient;
  private readonly relays: OutboxRelay[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  /** The same after a restart, which no outgoing connection may take meanwhile. */
  private port = 0;

  private constructor(
    readonly place: Place,
    readonly database: Connected,
  ) {
    this.outbox = new SqlOutbox(database.adapter);
  }

  static async open(place: Place): Promise<World> {
    const world = new World(place, connectTo(place));
    await migrate(world.database.adapter);
    await world.empty();
    world.port = await freePort();
    await world.startBroker();
    const { clock } = world.platform;
    world.client = new MessagingClient(
      { application: 'test', nameServers: [world.address], connector: new TcpConnector({}, clock) },
      world.platform,
    );
    await world.client.start();
    const consumer = world.client.consumer({ group: 'test', mode: ConsumeMode.ORDERLY, from: 'earliest' });
    for (const { name: topic } of TOPICS) {
      consumer.add({
        name: topic,
        topic,
        handle: async (message) => {
          await world.handle(message);
          world.received.push(message);
        },
      });
    }
    await consumer.register();
    await consumer.start();
    return world;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async startBroker(): Promise<void> {
    const settings = { store: join(this.folder, 'store'), listen: this.port, topics: TOPICS };
    this.host = await BrokerHost.start(settings, this.platform);
  }

  async stopBroker(): Promise<void> {
    await this.host.stop();
  }

  /** A relay in this process. */
  relay(options: Partial<typeof RELAY_DEFAULTS> = {}): OutboxRelay {
    const { clock, logger } = this.platform;
    const { producer } = this.client;
    const relay = new OutboxRelay({ outbox: this.outbox, producer, clock, logger }, { ...RELAY_DEFAULTS, ...options });
    this.relays.push(relay);
    relay.start();
    return relay;
  }

  write(messages: readonly OutgoingMessage[]): Promise<string[]> {
    return this.database.adapter.transaction((transaction) => this.outbox.write(transaction, messages));
  }

  /** Between tests: the relays of the last one are stopped, and what it left is gone. */
  async rest(): Promise<void> {
    await Promise.all(this.relays.splice(0).map((relay) => relay.stop(5000)));
    await this.empty();
    this.handle = () => undefined;
    this.received.length = 0;
  }

  async close(): Promise<void> {
    await this.rest();
    await this.client.shutdown(1000);
    await this.host.stop();
    await this.database.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async empty(): Promise<void> {
    await this.database.adapter.query('DELETE FROM nestmq_outbox', []);
    await this.database.adapter.query('UPDATE nestmq_outbox_lane SET owner = NULL, lease_until = 0', []);
  }
}

export function message(body: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { topic: 'orders', body: Buffer.from(body), ...more };
}
