/** A receiver that nobody has measured yet is expected to work off so many a second. */
const EXPECTED_PER_SECOND = 60_000;
/** More than this at once would measure the memory of the machine. */
const MOST_FILLED = 2_000_000;

/**
 * A running peer with a client process of the usual operations: knows how many messages wait in it, and fills up what a
 * receiver would run out of before its time is over.
 */
export class QueuePeer {
  waiting = 0;
  receivedPerSecond = EXPECTED_PER_SECOND;

  /** @param programs in the order of their start; closed in the reverse */
  constructor({ client, programs, pids, durability, facts, expectedPerSecond = EXPECTED_PER_SECOND }) {
    this.client = client;
    this.programs = programs;
    this.pids = pids;
    this.durability = durability;
    this.facts = facts;
    this.receivedPerSecond = expectedPerSecond;
  }

  async send(spec) {
    const { measured, sent } = await this.client.ask('send', { spec, pids: this.pids() });
    this.waiting += sent;
    return measured;
  }

  async receive(spec) {
    const wanted = Math.ceil(this.receivedPerSecond * (spec.seconds + spec.warmUpSeconds) * 1.1);
    const lacking = Math.min(wanted, MOST_FILLED) - this.waiting;
    if (lacking > 0) this.waiting += await this.client.ask('fill', { spec, count: lacking });
    const given = { spec, backlog: this.waiting, pids: this.pids() };
    const { measured, received } = await this.client.ask('receive', given);
    this.waiting = Math.max(0, this.waiting - received);
    this.receivedPerSecond = measured.perSecond;
    return measured;
  }

  /** What waits is received first: a message would have to wait behind it. */
  async latency(spec) {
    while (this.waiting > 0) {
      const drain = { ...spec, warmUpSeconds: 0, seconds: 30, inFlight: 1000 };
      const before = this.waiting;
      const { received } = await this.client.ask('receive', { spec: drain, backlog: before, pids: [] });
      this.waiting = Math.max(0, before - received);
      if (received === 0) throw new Error(`${before} messages are said to wait, and none arrives`);
    }
    return this.client.ask('latency', { spec });
  }

  async close() {
    for (const program of this.programs.toReversed()) await program.stop();
  }
}
