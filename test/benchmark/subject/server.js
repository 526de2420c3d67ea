// Our own broker as the rows see it: inside the application's process, or beside it behind a port. It answers to the
// same calls as the peers do: each is one load without a pause, and answers what each of its windows has measured.
import { join } from 'node:path';
import { checkSyncs } from '../statistics.js';
import { Application, Standalone } from './process.js';

const QUEUES = 4;
const CONCURRENCY = 64;
/** What a first backlog is made for, a second; afterwards it is measured. */
const EXPECTED_PER_SECOND = { embedded: 420_000, standalone: 220_000 };
/** A load that ends earlier because nothing is left counts when its last window had this part of its time. */
const ENOUGH = 0.5;
const SPARE = 1.2;

/** What a run asked of one process: processor time a message, and how busy its event loop was. */
const cost = (window, count) => ({
  user: window.user / count,
  system: window.system / count,
  loop: window.loop,
  rss: window.rss,
});

/** Adds what the application, and the broker where it is a process of its own, spent on each message. */
function costs({ own, others = [], ...result }) {
  const client = cost(own, result.count);
  const [window] = others;
  const server = window && cost(window, result.count);
  return {
    ...result,
    client,
    server,
    clientMicros: client.user + client.system,
    serverMicros: server && server.user + server.system,
    logSyncs: (window ?? own).logSyncs,
    otherSyncs: (window ?? own).otherSyncs,
  };
}

export class OurServer {
  /**
   * @param place `embedded` or `standalone`
   * @param settings of the broker: as `broker` of `forRoot`, or as flags of `nestmq broker`
   */
  static async open(directory, { place = 'embedded', settings = {}, flags = [], flush = 'sync' } = {}) {
    const server = new OurServer(place);
    server.durability = flush;
    const store = join(directory, 'store');
    try {
      if (place === 'standalone') {
        const allFlags = ['--flush', flush, ...flags];
        server.broker = await Standalone.start(store, allFlags);
        server.connection = { nameServer: server.broker.address };
        server.facts = { broker: `nestmq broker ${allFlags.join(' ')}`.trim(), queues: String(QUEUES) };
      } else {
        const broker = { flush, ...settings };
        server.connection = { broker: { ...broker, store, topics: [{ name: 'bench', queues: QUEUES }] } };
        server.facts = { broker: `broker: ${JSON.stringify(broker)}`, queues: String(QUEUES) };
      }
      server.application = await Application.start();
      await server.reopen();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  facts = {};
  stock = 0;
  groups = 0;

  constructor(place) {
    this.place = place;
    this.expected = EXPECTED_PER_SECOND[place];
  }

  /** The broker's, where it is not the application's own. */
  pids() {
    return this.broker === undefined ? [] : [this.broker.pid];
  }

  /** Begins the Nest application anew, in the same process, so that its code stays compiled. */
  async reopen(listener) {
    await this.application.call('close');
    await this.application.call('open', { connection: this.connection, listener });
  }

  async send(spec) {
    const { windows, sent } = await this.measure('send', spec);
    this.stock += sent;
    return windows.map((window) => this.withSyncs(window, spec.inFlight));
  }

  /** Works off a backlog with a group of its own, from the oldest message on. */
  async receive(spec) {
    const { seconds, warmUpSeconds, windows: wantedWindows = 1, bytes, payload, orderly = false } = spec;
    for (;;) {
      const wanted = Math.ceil(this.expected * SPARE * (seconds * wantedWindows + warmUpSeconds));
      if (this.stock < wanted) await this.addBacklog({ count: wanted - this.stock, bytes, payload });
      const group = `receivers-${++this.groups}`;
      const mode = orderly ? 'ORDERLY' : 'CONCURRENT';
      await this.reopen({ group, mode, from: 'earliest', ...(orderly ? {} : { concurrency: CONCURRENCY }) });
      const plan = { seconds, warmUpSeconds, windows: wantedWindows };
      const { windows } = await this.measure('receive', { ...plan, backlog: this.stock });
      await this.reopen();
      const tooFew = windows.length < wantedWindows || windows.at(-1).seconds < seconds * ENOUGH;
      this.expected = Math.max(tooFew ? this.expected * 2 : 0, ...windows.map(({ perSecond }) => perSecond));
      if (!tooFew) return windows;
    }
  }

  async addBacklog(spec) {
    this.stock += await this.application.call('fill', spec);
  }

  async latency(spec) {
    await this.reopen({ group: 'timed', timed: true });
    const { windows } = await this.measure('latency', spec);
    await this.reopen();
    return windows;
  }

  /** Sends at a fixed rate. */
  async paced(spec) {
    const { windows } = await this.measure('paced', spec);
    return windows;
  }

  segments() {
    return this.application.call('segments');
  }

  async close() {
    await this.application?.stop();
    await this.broker?.stop();
  }

  async measure(call, spec) {
    const { windows, ...result } = await this.application.call(call, spec, this.broker ? [this.broker] : []);
    for (const { count, seconds } of windows)
      if (count === 0) throw new Error(`${call} has measured no message in ${seconds.toFixed(1)} s`);
    return { ...result, windows: windows.map(costs) };
  }

  /** Fails for a run that acknowledged more than the disk can have. */
  withSyncs(result, inFlight) {
    if (this.durability !== 'sync') return result;
    const { count: acknowledged, logSyncs: syncs } = result;
    return { ...result, perSync: checkSyncs({ acknowledged, syncs, inFlight }) };
  }
}
