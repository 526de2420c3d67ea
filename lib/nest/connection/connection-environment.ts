import { type Logger, type Platform, systemPlatform } from '../../platform/index.js';
import { type Connector, TcpConnector } from '../../remoting/index.js';
import { BrokerHost } from '../../server/index.js';
import type { ResolvedConnectionOptions } from '../options/messaging-options.js';

/** The way to the broker of a connection. */
export interface BrokerAccess {
  readonly connector: Connector;
  /** The broker inside; undefined when it is elsewhere. */
  readonly host: BrokerHost | undefined;
  /** Lets go of what was opened; stops the broker if it runs inside. */
  close(): Promise<void>;
}

/** What connections stand on. One provider of the application, so that a test can put another world under it. */
export class ConnectionEnvironment {
  platform(logger: Logger): Platform {
    return systemPlatform({ logger });
  }

  async openBroker(options: ResolvedConnectionOptions, platform: Platform): Promise<BrokerAccess> {
    if (options.nameServers !== undefined) {
      return { connector: new TcpConnector({}, platform.clock), host: undefined, close: async () => undefined };
    }
    const host = await BrokerHost.start(options.broker, platform);
    return { connector: host.connector, host, close: () => host.stop() };
  }
}
