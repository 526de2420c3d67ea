import { MASTER_ID, type BrokerAddresses } from './topic-route.js';

type Brokers = ReadonlyMap<string, BrokerAddresses>;

/**
 * The addresses that routes name, counted as routes come and go. A client of ten thousand topics asks for its brokers with
 * every topic that it makes: going through all routes each time took 2.5 ms of each.
 */
export class BrokerCensus {
  private readonly all = new Map<string, number>();
  private readonly masters = new Map<string, number>();

  /** In the order in which they were first named. */
  get addresses(): string[] {
    return [...this.all.keys()];
  }

  get masterAddresses(): string[] {
    return [...this.masters.keys()];
  }

  replace(before: Brokers | undefined, after: Brokers | undefined): void {
    // The new ones first: a broker that both name keeps its place.
    if (after !== undefined) this.count(after, 1);
    if (before !== undefined) this.count(before, -1);
  }

  private count(brokers: Brokers, by: number): void {
    for (const broker of brokers.values()) {
      for (const [id, address] of broker) {
        add(this.all, address, by);
        if (id === MASTER_ID) add(this.masters, address, by);
      }
    }
  }
}

function add(counts: Map<string, number>, address: string, by: number): void {
  const count = (counts.get(address) ?? 0) + by;
  if (count > 0) counts.set(address, count);
  else counts.delete(address);
}
