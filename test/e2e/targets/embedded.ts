import type { MessagingConnectionOptions } from '../../../lib/index.js';
import type { BrokerAccess } from '../../../lib/nest/connection/index.js';
import type { ResolvedConnectionOptions } from '../../../lib/nest/options/index.js';
import type { Platform } from '../../../lib/platform/index.js';
import { BrokerHost } from '../../../lib/server/index.js';
import type { Capability } from '../behaviour.js';
import type { Target } from './target.js';
import { VirtualWorld } from './virtual-world.js';

export const embedded: Target = {
  name: 'the embedded broker',
  capabilities: new Set<Capability>(['virtual time', 'restart', 'broker inside']),
  open: async () => new EmbeddedWorld(),
};

class EmbeddedWorld extends VirtualWorld {
  protected async placed(options: MessagingConnectionOptions): Promise<MessagingConnectionOptions> {
    return options;
  }

  override async openBroker(options: ResolvedConnectionOptions, platform: Platform): Promise<BrokerAccess> {
    this.host ??= await BrokerHost.start(this.brokerSettings(options.broker), platform);
    return { connector: this.host.connector, host: this.host, close: async () => undefined };
  }
}
