// The built package, as the interop programs use it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const BUILD = process.env.NESTMQ_BUILD ?? fileURLToPath(new URL('../../../dist', import.meta.url));

const quiet = { error: console.error, warn: console.error, log() {}, debug() {}, verbose() {} };

export function isBuilt() {
  return existsSync(join(BUILD, 'broker.js'));
}

export function load(file) {
  return import(pathToFileURL(join(BUILD, file)).href);
}

/** The broker and the client, with clients that reach a broker over TCP. */
export async function loadPackage() {
  const { BrokerHost, systemPlatform } = await load('broker.js');
  const { MessagingClient, TcpConnector, ConsumeMode } = await load('client.js');
  const platform = systemPlatform({ logger: quiet });
  return {
    BrokerHost,
    ConsumeMode,
    platform,
    startBroker: (settings) => BrokerHost.start(settings, platform),
    client: (address, application, options = {}) =>
      new MessagingClient(
        {
          application,
          nameServers: [address],
          connector: new TcpConnector({}, platform.clock, platform.logger),
          ...options,
        },
        platform,
      ),
  };
}
