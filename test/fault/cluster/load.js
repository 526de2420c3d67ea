// Producers and consumers of a cluster, and what became of every message.
const PLAIN_LANES = 4;
const KEYS = 8;
/** Between two sends of a lane: enough to be in the middle of many, little enough for a busy machine. */
const PACE_MILLIS = 4;

/** On a busy machine an answer may take its time; a broker that has died does not answer late, its connection breaks. */
const PATIENCE_MILLIS = 20_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Load {
  /** Id of an acknowledged message → the broker that has it. */
  acknowledged = new Map();
  /** Id → when it was first handled. */
  handled = new Map();
  handledOfKey = new Map();
  /** Failed sends without a key, and codes of failed sends with one. */
  plainFailures = [];
  keyedFailures = new Map();
  /** Queues that a key was ever stored in. */
  places = new Map();
  running = true;

  /** @param keyedMillis How long a keyed send may take before it is tried again. */
  static async start(lib, nameServers, { members = 2, keyedMillis = PATIENCE_MILLIS } = {}) {
    const load = new Load();
    load.keyedMillis = keyedMillis;
    load.lib = { ...(await import(`${lib}client/index.js`)), ...(await import(`${lib}platform/index.js`)) };
    load.lib.TcpConnector = (await import(`${lib}remoting/index.js`)).TcpConnector;
    load.nameServers = nameServers;
    load.clients = [];
    load.producer = await load.client('producer');
    for (let member = 0; member < members; member++) await load.consume(await load.client('consumer'));
    load.lanes = [
      ...Array.from({ length: PLAIN_LANES }, (_, lane) => load.sendPlain(lane)),
      ...Array.from({ length: KEYS }, (_, key) => load.sendKeyed(`k${key}`)),
    ];
    return load;
  }

  async client(application, nameServers = this.nameServers) {
    const { MessagingClient, TcpConnector, systemPlatform } = this.lib;
    const nothing = () => undefined;
    const logger = {
      error: (...words) => console.error(...words),
      warn: nothing,
      log: nothing,
      debug: nothing,
      verbose: nothing,
    };
    const platform = systemPlatform({ logger });
    const connector = new TcpConnector({}, platform.clock, logger);
    const client = new MessagingClient({ application, nameServers, connector }, platform);
    await client.start();
    this.clients.push(client);
    return client;
  }

  async consume(client) {
    const { ConsumeMode } = this.lib;
    const handle = (message) => {
      const id = message.text();
      if (!this.handled.has(id)) this.handled.set(id, performance.now());
      const [key, number] = id.split('-');
      if (key.startsWith('k')) {
        if (!this.handledOfKey.has(key)) this.handledOfKey.set(key, []);
        this.handledOfKey.get(key).push(Number(number));
      }
      return { kind: 'acknowledge' };
    };
    for (const [topic, mode] of [
      ['plain', ConsumeMode.CONCURRENT],
      ['ordered', ConsumeMode.ORDERLY],
    ]) {
      const consumer = client.consumer({ group: `${topic}-group`, mode, from: 'earliest' });
      consumer.add({ name: topic, topic, handle });
      await consumer.register();
      await consumer.start();
    }
  }

  async sendPlain(lane) {
    for (let number = 0; this.running; number++) {
      const id = `p${lane}-${number}`;
      try {
        const message = { topic: 'plain', body: Buffer.from(id) };
        const { brokerName } = await this.producer.producer.send(message, { timeoutMillis: PATIENCE_MILLIS });
        this.acknowledged.set(id, brokerName);
      } catch (error) {
        this.plainFailures.push(`${error.code}: ${error.message}`);
      }
      await pause(PACE_MILLIS);
    }
  }

  /** One after the other, each until it is acknowledged: what order means to an application. */
  async sendKeyed(key) {
    for (let number = 0; this.running; number++) {
      const id = `${key}-${number}`;
      while (this.running && !this.acknowledged.has(id)) await this.trySend(this.producer, key, id);
      await pause(PACE_MILLIS);
    }
  }

  async trySend(client, key, id) {
    try {
      const { brokerName, queueId } = await client.producer.send(
        { topic: 'ordered', body: Buffer.from(id), shardingKey: key },
        { timeoutMillis: this.keyedMillis },
      );
      this.acknowledged.set(id, brokerName);
      if (!this.places.has(key)) this.places.set(key, new Set());
      this.places.get(key).add(`${brokerName}:${queueId}`);
    } catch (error) {
      if (!error.retryable) throw error;
      this.keyedFailures.set(error.code, (this.keyedFailures.get(error.code) ?? 0) + 1);
      await pause(50);
    }
  }

  /** Acknowledged messages that nobody has handled, of the brokers named. */
  unhandled(brokers) {
    return [...this.acknowledged]
      .filter(([id, broker]) => brokers.includes(broker) && !this.handled.has(id))
      .map(([id]) => id);
  }

  /** Messages handled for the first time after a later one of their key. */
  disordered() {
    let count = 0;
    for (const numbers of this.handledOfKey.values()) count += countDisordered(numbers);
    return count;
  }

  async rest() {
    this.running = false;
    await Promise.all(this.lanes);
  }

  async end() {
    await this.rest();
    await Promise.all(this.clients.map((client) => client.shutdown(1_000)));
  }
}

/** A message that comes again is no disorder; one that comes for the first time behind a later one is. */
export function countDisordered(numbers) {
  const seen = new Set();
  let highest = -1;
  let count = 0;
  for (const number of numbers) {
    if (!seen.has(number) && number < highest) count += 1;
    seen.add(number);
    highest = Math.max(highest, number);
  }
  return count;
}
