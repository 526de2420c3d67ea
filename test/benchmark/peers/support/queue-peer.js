/** A receiver that nobody has measured yet is expected to work off so many a second. */
const EXPECTED_PER_SECOND = 60_000;
/** More than this would measure the memory of the machine. */
const MOST_WAITING = 2_000_000;

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
    if (this.waiting > MOST_WAITING) await this.clear();
    const { measured, sent } = await this.client.ask('send', { spec, pids: this.pids() });
    this.waiting += sent;
    return measured;
  }

  async receive(spec) {
    const wanted = Math.ceil(this.receivedPerSecond * (spec.seconds + spec.warmUpSeconds) * 1.1);
    const lacking = Math.min(wanted, MOST_WAITING) - this.waiting;
    if (lacking > 0) this.waiting += await this.client.ask('fill', { spec, count: lacking });
    const given = { spec, backlog: this.waiting, pids: this.pids() };
    const { measured, received } = await this.client.ask('receive', given);
    this.waiting = Math.max(0, this.waiting - received);
    this.receivedPerSecond = measured.perSecond;
    return measured;
  }

  /** A message would have to wait behind what waits already. */
  async latency(spec) {
    await this.clear();
    return this.client.ask('latency', { spec });
  }

  async clear() {
    if (this.waiting > 0) await this.client.ask('clear');
    this.waiting = 0;
  }

  async close() {
    for (const program of this.programs.toReversed()) await program.stop();
  }
}
