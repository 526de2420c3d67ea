import type { ClientCounters, ConsumerState, SendCounts, TopicLag } from '../../client/index.js';
import type { IdempotencyReport } from '../../idempotency/index.js';
import type { HostHealth, SharingHealth } from '../../server/index.js';
import type { OutboxReport } from '../outbox/connection-outbox.js';
import type { MessagingConnection } from './messaging-connection.js';

/** What a connection is and does at this moment, for metrics and health. */
export interface ConnectionReport {
  readonly name: string;
  /** Why messages cannot be sent or fetched now; undefined when they can. */
  readonly problem: string | undefined;
  readonly counters: Readonly<ClientCounters> | undefined;
  readonly sends: ReadonlyMap<string, SendCounts>;
  readonly groups: readonly ConsumerState[];
  /** Undefined when the broker could not be asked. */
  readonly lags: readonly { readonly group: string; readonly topics: readonly TopicLag[] }[] | undefined;
  /** Of the broker inside. */
  readonly host: HostHealth | undefined;
  /** Of a store that processes may share. */
  readonly sharing: SharingHealth | undefined;
  /** How often its thread has crashed and was started again; undefined without a thread. */
  readonly restarts: number | undefined;
  /** Of the idempotent listeners that have handled something. */
  readonly idempotency: readonly IdempotencyReport[];
  /** Undefined without an outbox. */
  readonly outbox: OutboxReport | undefined;
}

/** Asks client and broker; everything that is asked takes no longer than `patienceMillis`. Never rejects. */
export async function reportOn(connection: MessagingConnection, patienceMillis: number): Promise<ConnectionReport> {
  const { name, openClient: client, clock } = connection;
  const inside = connection.brokerReport(patienceMillis);
  const idempotency = connection.idempotency.reports();
  if (client === undefined) {
    const none = { counters: undefined, sends: new Map<string, SendCounts>(), groups: [], lags: undefined };
    const { host, sharing, restarts } = await inside;
    const problem = 'the connection is not open';
    return { name, problem, ...none, host, sharing, restarts, idempotency, outbox: undefined };
  }
  const waited = new AbortController();
  const late = clock.sleep(patienceMillis, waited.signal).then(
    () => ({ failures: [`no answer within ${patienceMillis} ms`], lags: undefined }),
    () => undefined,
  );
  const asked = (async () => {
    const { reached, failures } = await client.probe();
    if (reached === 0 && failures.length === 0)
      return { failures: ['the NameServer knows no broker'], lags: undefined };
    if (failures.length > 0) return { failures, lags: undefined };
    return { failures, lags: await client.lags().catch(() => undefined) };
  })();
  const asking = connection.outbox?.report(patienceMillis);
  const { failures, lags } = (await Promise.race([asked, late]))!;
  waited.abort();
  const { host, sharing, restarts, problem } = await inside;
  return {
    name,
    problem: problem ?? sharing?.problem ?? problemOf(host) ?? (failures.length > 0 ? failures.join('; ') : undefined),
    counters: client.counters,
    sends: client.sendCounts(),
    groups: client.consumerStates(),
    lags,
    host,
    sharing,
    restarts,
    idempotency,
    outbox: await asking,
  };
}

/** What a broker inside says of itself. */
function problemOf(host: HostHealth | undefined): string | undefined {
  if (host === undefined) return undefined;
  if (host.state === 'stopped' || host.store.state === 'closed') return 'the broker is stopped';
  return host.store.state === 'fenced' || host.store.diskFull
    ? (host.store.problem ?? 'the store is closed')
    : undefined;
}
