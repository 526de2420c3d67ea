import { MessagingClient } from '../../../lib/client/index.js';
import { OutboxRelay, RELAY_DEFAULTS, SqlOutbox } from '../../../lib/idempotency/index.js';
import { silentLogger, systemPlatform } from '../../../lib/platform/index.js';
import { TcpConnector } from '../../../lib/remoting/index.js';
import { connectTo, type Place } from './place.js';
import { relayRowByRow } from './row-by-row.js';

/**
 * A process that only relays, until it is told to stop, or dies by its own hand between a send and its mark. Started by
 * `relays.ts`; its argument is this as JSON.
 */
export interface RelayOrders {
  readonly place: Place;
  readonly nameServer: string;
  /** `rows`: the relay that claims single rows, which is wrong. */
  readonly claims: 'lanes' | 'rows';
  readonly options: Partial<typeof RELAY_DEFAULTS>;
  /** Kills itself, unclean, once the broker has confirmed so many and none of them is marked. */
  readonly dieAfter?: number;
}

const { place, nameServer, claims, options, dieAfter } = JSON.parse(process.argv[2]!) as RelayOrders;
const platform = systemPlatform({ logger: silentLogger });
const { clock, logger } = platform;
const client = new MessagingClient(
  { application: 'relay', nameServers: [nameServer], connector: new TcpConnector({}, clock) },
  platform,
);
await client.start();
const { adapter } = connectTo(place);
let confirmed = 0;
const counted = <T>(count: number, result: T): T => {
  confirmed += count;
  if (dieAfter !== undefined && confirmed >= dieAfter) process.kill(process.pid, 'SIGKILL');
  return result;
};
const producer: ConstructorParameters<typeof OutboxRelay>[0]['producer'] = {
  send: async (message, how) => counted(1, await client.producer.send(message, how)),
  sendBatch: async (messages, how) => counted(messages.length, await client.producer.sendBatch(messages, how)),
};
if (claims === 'rows') void relayRowByRow(adapter, client.producer);
else {
  const relay = new OutboxRelay(
    { outbox: new SqlOutbox(adapter), producer, clock, logger },
    { ...RELAY_DEFAULTS, ...options },
  );
  relay.start();
  process.on('message', async () => {
    await relay.stop(5000);
    process.send!({ counters: relay.counters });
  });
}
process.on('disconnect', () => process.exit(0));
process.send!({ ready: true });
