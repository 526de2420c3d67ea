// A sending and a receiving application on one standalone broker: three processes.
import { join } from 'node:path';
import { checkSyncs } from '../statistics.js';
import { Application, Standalone } from './process.js';

const LISTENER = { group: 'receivers', concurrency: 64 };

export class Pair {
  durability = 'sync';

  /** @param together whether one application does both: then there are two processes */
  static async open(directory, together) {
    const pair = new Pair();
    try {
      pair.broker = await Standalone.start(join(directory, 'store'));
      const connection = { nameServer: pair.broker.address };
      pair.facts = { broker: 'nestmq broker' };
      pair.sender = await Application.start('the sender');
      pair.receiver = together ? pair.sender : await Application.start('the receiver');
      await pair.receiver.call('open', { connection, listener: LISTENER });
      if (!together) await pair.sender.call('open', { connection });
      return pair;
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  /** Both at once; the rate is that of the slower way. */
  async both(spec) {
    const { seconds, warmUpSeconds, windows } = spec;
    const [sent, received] = await Promise.all([
      this.sender.call('send', spec, [this.broker]),
      this.sender === this.receiver ? undefined : this.receiver.call('receive', { seconds, warmUpSeconds, windows }),
    ]);
    return sent.windows.map((window, index) => this.atOnce(spec, window, received?.windows[index]));
  }

  /** @param received by a process of its own; undefined where the sender receives as well */
  atOnce(spec, sent, received) {
    const [broker] = sent.others;
    const receivedPerSecond = received === undefined ? sent.received / sent.seconds : received.perSecond;
    const { count: acknowledged, seconds, perSecond: sentPerSecond } = sent;
    const micros = ({ user, system }, count) => (user + system) / count;
    const receiving = received === undefined ? 0 : micros(received.own, received.count);
    return {
      count: acknowledged,
      seconds,
      sentPerSecond,
      receivedPerSecond,
      perSecond: Math.min(sentPerSecond, receivedPerSecond),
      clientMicros: micros(sent.own, acknowledged) + receiving,
      serverMicros: micros(broker, acknowledged),
      logSyncs: broker.logSyncs,
      otherSyncs: broker.otherSyncs,
      perSync: checkSyncs({ acknowledged, syncs: broker.logSyncs, inFlight: spec.inFlight }),
    };
  }

  async close() {
    await this.sender?.stop();
    if (this.receiver !== this.sender) await this.receiver?.stop();
    await this.broker?.stop();
  }
}
