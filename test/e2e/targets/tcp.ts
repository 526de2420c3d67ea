import type { MessagingConnectionOptions } from '../../../lib/index.js';
import type { SimulatedFileSystem } from '../../../lib/platform/index.js';
import { BrokerHost } from '../../../lib/server/index.js';
import { freePort } from '../../support/free-port.js';
import type { Capability } from '../behaviour.js';
import { engineLogger } from './log-book.js';
import { SocketClock } from './socket-clock.js';
import type { Target } from './target.js';
import { VirtualWorld } from './virtual-world.js';

export const tcp: Target = {
  name: 'our broker over TCP',
  capabilities: new Set<Capability>(['virtual time', 'restart']),
  open: async () => new TcpWorld(new SocketClock()),
};

/** A broker that listens on loopback, and applications that know nothing of it but its address. */
class TcpWorld extends VirtualWorld {
  /** A broker that comes back is where it was. */
  private port: number | undefined;

  constructor(private readonly sockets: SocketClock) {
    super(sockets);
  }

  protected async placed({ broker, ...options }: MessagingConnectionOptions): Promise<MessagingConnectionOptions> {
    if (this.host === undefined) {
      const port = (this.port ??= await freePort());
      const settings = { ...this.brokerSettings(broker ?? {}), listen: port };
      this.host = await this.passing(BrokerHost.start(settings, this.platform(engineLogger(this.log))));
      this.sockets.watch(port);
    }
    return { ...options, nameServer: this.host.address! };
  }

  protected override async losePower(host: BrokerHost, disk: SimulatedFileSystem): Promise<void> {
    this.sockets.cut();
    // It has to let go of its port, which it does not while it waits for a disk.
    disk.crash('EIO');
    await this.passing(host.stop()).catch(() => undefined);
  }

  override async close(): Promise<void> {
    await super.close();
    this.sockets.forget();
  }
}
