import { MessageChannel } from 'node:worker_threads';
import type { MessagingConnectionOptions } from '../../../lib/index.js';
import type { BrokerAccess } from '../../../lib/nest/connection/index.js';
import type { ResolvedConnectionOptions } from '../../../lib/nest/options/index.js';
import { type Platform, silentLogger } from '../../../lib/platform/index.js';
import { type Connector, createPortCounters, PortChannel } from '../../../lib/remoting/index.js';
import { BrokerHost } from '../../../lib/server/index.js';
import type { Capability } from '../behaviour.js';
import { PortClock } from './port-clock.js';
import type { Target } from './target.js';
import { VirtualWorld } from './virtual-world.js';

/**
 * The broker as a thread of its own has it, reached through the ports that join threads. It runs in this thread, because a
 * thread has a time of its own; that it runs in another one as well is shown by test/nest/worker.spec.ts.
 */
export const worker: Target = {
  name: 'the broker behind the ports of its thread',
  capabilities: new Set<Capability>(['virtual time', 'restart']),
  open: async () => new PortWorld(new PortClock()),
};

class PortWorld extends VirtualWorld {
  constructor(private readonly ports: PortClock) {
    super(ports);
  }

  protected async placed(options: MessagingConnectionOptions): Promise<MessagingConnectionOptions> {
    return options;
  }

  override async openBroker(options: ResolvedConnectionOptions, platform: Platform): Promise<BrokerAccess> {
    const host = (this.host ??= await BrokerHost.start(this.brokerSettings(options.broker), platform));
    const connector: Connector = {
      connect: async (address) => {
        // As an inline one refuses when it is stopped.
        await (await host.connector.connect(address)).close();
        const { port1, port2 } = new MessageChannel();
        const taken = createPortCounters();
        const client = new PortChannel({ port: port1, taken }, 'connected', this.clock, silentLogger);
        const server = new PortChannel({ port: port2, taken }, 'accepted', this.clock, silentLogger);
        this.ports.watch(client, server);
        server.onRequest(host.attach(server));
        return client;
      },
    };
    return { connector, host: undefined, close: async () => undefined };
  }
}
