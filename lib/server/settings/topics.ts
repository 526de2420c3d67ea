import { checkTopic, type Duration, durationMillis, MessagingError } from '../../protocol/index.js';
import { check, object, type Rules, shown, whole, wrong } from './rules.js';

/** A topic that is there before anybody sends. */
export interface TopicSetting {
  name: string;
  /** Default: `defaultQueues`. Raised later, the new queues take only messages without a key. */
  queues?: number;
  /** Sends with a `dedupId` that the topic has seen are not stored again. Default: off. */
  dedup?: DedupSetting;
}

/** How long, and how many, ids of sent messages a topic remembers. */
export interface DedupSetting {
  /** Milliseconds or a text like `10m`; no longer than messages are kept. Default: `10m`. */
  window?: Duration;
  /** Beyond this the oldest are forgotten. Default 1,000,000. */
  count?: number;
}

export interface ResolvedTopic {
  readonly name: string;
  readonly queues: number | undefined;
  readonly dedup: { readonly windowMillis: number; readonly count: number } | undefined;
}

/** The most queues that a topic can have. */
export const MOST_QUEUES = 1024;

const DEDUP_WINDOW = '10m';
const DEDUP_COUNT = 1_000_000;

const DEDUP_RULES: Rules<DedupSetting> = {
  window: [(value) => (durationMillis(value) ?? 0) >= 1, 'milliseconds above 0, or a text like "10m"'],
  count: [(value) => whole(value, 1, 100_000_000), 'a whole number above 0'],
};

const TOPIC_RULES: Rules<TopicSetting> = {
  name: [(value) => typeof value === 'string', 'a name'],
  queues: [(value) => whole(value, 1, MOST_QUEUES), `a whole number from 1 to ${MOST_QUEUES}`],
  dedup: object,
};

/** No de-duplication window may be longer than `keptMillis`, the time for which messages are kept. */
export function resolveTopics(
  topics: readonly (TopicSetting | string)[],
  keptMillis: number,
): readonly ResolvedTopic[] {
  return distinct(topics.map((topic, index) => resolveTopic(topic, index, keptMillis)));
}

function resolveTopic(setting: TopicSetting | string, index: number, keptMillis: number): ResolvedTopic {
  const where = `broker.topics[${index}]`;
  const topic = typeof setting === 'string' ? { name: setting } : setting;
  if (!object[0](topic)) throw wrong(`${where} must be a name or { name, queues }, not ${shown(setting)}.`);
  check(where, topic, TOPIC_RULES);
  try {
    checkTopic(topic.name);
  } catch (error) {
    throw new MessagingError('CONFIGURATION', `${where}: ${(error as Error).message}`, { cause: error });
  }
  return { name: topic.name, queues: topic.queues, dedup: resolveDedup(topic.dedup, `${where}.dedup`, keptMillis) };
}

function resolveDedup(setting: DedupSetting | undefined, where: string, keptMillis: number): ResolvedTopic['dedup'] {
  if (setting === undefined) return undefined;
  check(where, setting, DEDUP_RULES);
  const windowMillis = durationMillis(setting.window ?? DEDUP_WINDOW)!;
  // The ids are derived from the log: what it no longer holds, a rebuild would not find.
  if (windowMillis > keptMillis) {
    throw wrong(
      `${where}.window of ${windowMillis} ms is longer than messages are kept (${keptMillis} ms); shorten it, or raise broker.retention.ageMillis.`,
    );
  }
  return { windowMillis, count: setting.count ?? DEDUP_COUNT };
}

/** Two settings for one topic would leave open which one counts. */
function distinct(topics: readonly ResolvedTopic[]): readonly ResolvedTopic[] {
  const names = new Set<string>();
  for (const { name } of topics) {
    if (names.has(name)) throw wrong(`broker.topics names ${name} twice; keep one of the two.`);
    names.add(name);
  }
  return topics;
}
