/** A receiver that nobody has measured yet is expected to work off so many a second. */
const EXPECTED_PER_SECOND = 60_000;
/** More than this would measure the memory of the machine. */
const MOST_WAITING = 3_500_000;

const ATTEMPTS = 2;

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

  /** A backlog that was worked off before the time was over says too little: then once more with a larger one. */
  async receive(spec) {
    const { seconds, warmUpSeconds, windows = 1 } = spec;
    for (let attempt = 1; ; attempt++) {
      const expected = Math.ceil(this.receivedPerSecond * (seconds * windows + warmUpSeconds) * 1.1);
      const wanted = Math.min(expected, MOST_WAITING);
      const lacking = wanted - this.waiting;
      if (lacking > 0) this.waiting += await this.client.ask('fill', { spec, count: lacking });
      const given = { spec, backlog: this.waiting, pids: this.pids() };
      const { measured, received } = await this.client.ask('receive', given);
      this.waiting = Math.max(0, this.waiting - received);
      this.receivedPerSecond = Math.max(...measured.map(({ perSecond }) => perSecond));
      if (measured.length === windows || wanted === MOST_WAITING || attempt === ATTEMPTS) return measured;
    }
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
