// A group with a member of Java and one of Node: who has which queue, and that every message is handled once, when members
// join, leave and are killed.
import { eventually, java } from './processes.js';

const QUEUES = 8;
const KEYS = 16;
/** A queue's lock outlives an orderly member that was killed by a minute. */
const TAKEOVER_MILLIS = 100_000;

export const MIXED_MODES = ['concurrent', 'orderly'];
export const mixedTopic = (version, mode) => `Mixed-${version.replaceAll('.', '_')}-${mode}`;

export class MixedGroup {
  #setting;
  #mode;
  #nestmq;
  #address;
  #check;
  #topic;
  #group;
  #client;
  #consumer;
  #member;
  /** Every handling, in the order in which it became known here. */
  #handled = [];
  #sent = 0;

  constructor({ setting, version, mode, nestmq, address, check }) {
    this.#setting = setting;
    this.#mode = mode;
    this.#nestmq = nestmq;
    this.#address = address;
    this.#check = (what, ok, detail) => check(`${version} ${mode} group of both: ${what}`, ok, detail);
    this.#topic = mixedTopic(version, mode);
    this.#group = `mixed-${version.replaceAll('.', '_')}-${mode}`;
  }

  async run() {
    this.#client = this.#nestmq.client(this.#address, `mixed-${this.#mode}`, {
      requestTimeoutMillis: 20_000,
      sendTimeoutMillis: 20_000,
    });
    await this.#client.start();
    try {
      await this.#nodeJoins();
      await this.#owned(
        'Node alone has all queues',
        ({ node, java: others }) => node.length === QUEUES && others.length === 0,
      );
      await this.#handledOnce('Node handles all by itself', 40);
      this.#javaJoins();
      await this.#owned('queues are shared when Java joins', shared);
      await this.#handledOnce('each message is handled by one of both', 80);
      this.#member.stdin.end();
      await this.#member.ended;
      await this.#owned('Node has all queues when Java has left', ({ node }) => node.length === QUEUES);
      await this.#handledOnce('and handles all', 40);
      this.#javaJoins();
      await this.#owned('queues are shared when Java comes back', shared);
      await this.#killed();
      this.#javaJoins();
      await this.#owned('queues are shared with a third member', shared);
      await this.#consumer.stop(5_000);
      this.#consumer = undefined;
      await this.#owned('Java has all queues when Node has left', ({ java: others }) => others.length === QUEUES);
      await this.#handledOnce('and handles all of them', 40);
      this.#inOrder('the order of each key');
    } finally {
      await this.#client.shutdown(1_000);
      this.#member?.stdin.end();
      await this.#member?.ended;
    }
  }

  async #nodeJoins() {
    const { ConsumeMode } = this.#nestmq;
    const mode = this.#mode === 'orderly' ? ConsumeMode.ORDERLY : ConsumeMode.CONCURRENT;
    this.#consumer = this.#client.consumer({ group: this.#group, mode, from: 'earliest' });
    this.#consumer.add({
      name: 'mixed',
      topic: this.#topic,
      handle: (message) =>
        void this.#handled.push({ by: 'node', body: message.body.toString(), queueId: message.queueId }),
    });
    await this.#consumer.register();
    await this.#consumer.start();
  }

  #javaJoins() {
    const member = java(this.#setting, 'Member', this.#address, this.#group, this.#topic, this.#mode);
    let known = 0;
    member.on('line', () => {
      for (; known < member.lines.length; known++) {
        const [what, body, queueId] = member.lines[known];
        if (what === 'GOT') this.#handled.push({ by: 'java', body, queueId: Number(queueId) });
      }
    });
    this.#member = member;
  }

  /** Who works on which queues. */
  #owners() {
    const node = (this.#consumer?.state().queues ?? [])
      .filter(({ topic }) => topic === this.#topic)
      .map(({ queueId }) => queueId);
    const running = this.#member !== undefined && this.#member.exitCode === null && this.#member.signalCode === null;
    const last = running ? this.#member.lines.findLast(([what]) => what === 'OWNS')?.[1] : undefined;
    return { node, java: last === undefined ? [] : JSON.parse(last) };
  }

  async #owned(what, condition, millis = TAKEOVER_MILLIS) {
    const agreed = () => {
      const owners = this.#owners();
      return (
        new Set([...owners.node, ...owners.java]).size === owners.node.length + owners.java.length && condition(owners)
      );
    };
    const found = await eventually(agreed, millis);
    this.#check(what, found === true, JSON.stringify(this.#owners()));
  }

  async #send(count) {
    const bodies = [];
    for (let i = 0; i < count; i++) {
      const key = `key-${this.#sent % KEYS}`;
      const body = `${key}:${this.#sent++}`;
      bodies.push(body);
      await this.#client.producer.send({ topic: this.#topic, body: Buffer.from(body), shardingKey: key });
    }
    return bodies;
  }

  async #handledOnce(what, count) {
    const owners = this.#owners();
    const bodies = new Set(await this.#send(count));
    const those = () => this.#handled.filter(({ body }) => bodies.has(body));
    await eventually(() => new Set(those().map(({ body }) => body)).size === count, TAKEOVER_MILLIS);
    const handled = those();
    this.#check(what, handled.length === count, `${handled.length} of ${count}: ${JSON.stringify(handled)}`);
    const strangers = handled.filter(({ by, queueId }) => !owners[by].includes(queueId));
    this.#check(`${what}, by the owner of its queue`, strangers.length === 0, JSON.stringify([owners, strangers]));
  }

  /** The Java member dies with messages under way. */
  async #killed() {
    const before = new Set(this.#handled.map(({ body }) => body));
    const sending = this.#send(200);
    await eventually(() => this.#handled.filter(({ body, by }) => by === 'java' && !before.has(body)).length >= 20);
    this.#member.kill('SIGKILL');
    const bodies = await sending;
    await this.#member.ended;
    const handled = () => new Set(this.#handled.map(({ body }) => body));
    const complete = await eventually(() => bodies.every((body) => handled().has(body)), TAKEOVER_MILLIS);
    this.#check('what is sent while a member is killed is handled', complete === true, handled().size);
    await this.#owned('Node has all queues when Java has been killed', ({ node }) => node.length === QUEUES);
    const byNode = this.#handled
      .filter(({ by, body }) => by === 'node' && bodies.includes(body))
      .map(({ body }) => body);
    this.#check('Node handles nothing twice', new Set(byNode).size === byNode.length, JSON.stringify(byNode));
  }

  /** First handlings count: what a killed member has not committed comes once more. */
  #inOrder(what) {
    if (this.#mode !== 'orderly') return;
    const last = new Map();
    const wrong = [];
    const seen = new Set();
    for (const { body } of this.#handled) {
      if (seen.has(body)) continue;
      seen.add(body);
      const [key, number] = body.split(':');
      if ((last.get(key) ?? -1) > Number(number)) wrong.push(body);
      last.set(key, Number(number));
    }
    this.#check(what, wrong.length === 0, JSON.stringify(wrong));
  }
}

function shared({ node, java: others }) {
  return node.length === QUEUES / 2 && others.length === QUEUES / 2;
}

export const MIXED_QUEUES = QUEUES;
