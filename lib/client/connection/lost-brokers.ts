import type { TopicRoute } from './topic-route.js';

/** So often the route of a topic that lacks a broker is asked for between two regular refreshes: for five minutes. */
const MOST_LOOKS = 150;

interface Lost {
  readonly names: ReadonlySet<string>;
  looks: number;
}

/** Topics of which a broker is away. It is mostly restarted, and what waits on it should not wait for the next refresh. */
export class LostBrokers {
  private readonly topics = new Map<string, Lost>();

  /** After each look at a route; undefined: the topic has none. */
  compare(topic: string, before: TopicRoute | undefined, after: TopicRoute | undefined): void {
    const known = new Set(this.topics.get(topic)?.names);
    if (before?.provisional === false) for (const name of before.brokers.keys()) known.add(name);
    for (const { brokerName } of after?.orderedQueues ?? []) known.add(brokerName);
    const names = new Set([...known].filter((name) => after?.brokers.has(name) !== true));
    if (names.size === 0) this.topics.delete(topic);
    else this.topics.set(topic, { names, looks: this.topics.get(topic)?.looks ?? MOST_LOOKS });
  }

  /** Topics to look at once more. */
  due(): string[] {
    const due = [...this.topics].filter(([, lost]) => lost.looks > 0);
    for (const [, lost] of due) lost.looks--;
    return due.map(([topic]) => topic);
  }
}
