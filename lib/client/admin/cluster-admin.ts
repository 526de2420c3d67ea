import { decodeClusterInfo, decodeKvTable, type MessagingError, RequestCode } from '../../protocol/index.js';
import { asMessagingError, ResponseError } from '../connection/response-error.js';
import { compareText } from '../connection/topic-route.js';
import type { AdminCalls } from './admin-calls.js';

/** A broker that a NameServer knows. @publicApi */
export interface BrokerSummary {
  cluster: string;
  brokerName: string;
  /** 0 is the master. */
  brokerId: number;
  address: string;
  /** Whether it answers now. */
  up: boolean;
  /** The version that it says; undefined when it does not answer. */
  version: string | undefined;
  startedAt: Date | undefined;
  /** Why it does not answer. */
  error: MessagingError | undefined;
}

/** The brokers under the NameServers. @publicApi */
export class ClusterAdmin {
  constructor(private readonly calls: AdminCalls) {}

  /**
   * All brokers that are registered, by cluster, name and id, each asked whether it is there. One that is not is no error.
   * @throws MessagingError when no NameServer answers.
   */
  async brokers(): Promise<BrokerSummary[]> {
    const body = await this.calls.askNameServer(RequestCode.GET_BROKER_CLUSTER_INFO, {});
    const asked: Promise<BrokerSummary>[] = [];
    for (const [brokerName, { cluster, brokerAddrs }] of decodeClusterInfo(body).brokerAddrTable)
      for (const [brokerId, address] of brokerAddrs) asked.push(this.ask({ cluster, brokerName, brokerId, address }));
    return (await Promise.all(asked)).toSorted(
      (a, b) => compareText(a.cluster, b.cluster) || compareText(a.brokerName, b.brokerName) || a.brokerId - b.brokerId,
    );
  }

  private async ask(
    broker: Pick<BrokerSummary, 'cluster' | 'brokerName' | 'brokerId' | 'address'>,
  ): Promise<BrokerSummary> {
    try {
      const facts = decodeKvTable(await this.calls.ask(broker.address, RequestCode.GET_BROKER_RUNTIME_INFO, {}));
      const boot = Number(facts.get('bootTimestamp') ?? Number.NaN);
      return {
        ...broker,
        up: true,
        version: facts.get('brokerVersionDesc'),
        startedAt: Number.isSafeInteger(boot) ? new Date(boot) : undefined,
        error: undefined,
      };
    } catch (error) {
      const why = asMessagingError(error, `Asking the broker ${broker.brokerName} at ${broker.address}`);
      // It is the caller that ends, which says nothing of the broker.
      if (why.code === 'SHUTTING_DOWN' && !(why instanceof ResponseError)) throw why;
      return { ...broker, up: false, version: undefined, startedAt: undefined, error: why };
    }
  }
}
