import { retryTopic } from '../../protocol/index.js';
import type { ConsumerProgress } from '../state/consumer-progress.js';
import type { GroupTable } from '../state/group-table.js';
import type { TopicTable } from '../state/topic-table.js';
import type { LogReader, SegmentInfo } from '../types.js';

export interface HeldBackPorts {
  readonly log: Pick<LogReader, 'minOffset' | 'maxOffset' | 'physicalOffsetFrom'>;
  readonly topics: Pick<TopicTable, 'get'>;
  readonly groups: Pick<GroupTable, 'list' | 'activityOf'>;
  readonly progress: Pick<ConsumerProgress, 'query' | 'topicsOf'>;
  readonly ageOf: (stamp: number) => number;
}

export interface HeldBack {
  readonly group: string;
  readonly topic: string;
  readonly queueId: number;
}

/**
 * The first queue in which an active group has something of the segment still before it; undefined when there is none.
 * Retry topics count like the topics that the group subscribed to. A broadcasting group keeps its positions itself, so
 * it cannot hold anything back.
 */
export async function heldBack(
  segment: SegmentInfo,
  ports: HeldBackPorts,
  inactiveMillis: number,
): Promise<HeldBack | undefined> {
  const { log, topics, groups, progress } = ports;
  for (const group of groups.list()) {
    if (group.broadcast) continue;
    const activity = groups.activityOf(group.name);
    if (activity === undefined || (!activity.online && ports.ageOf(activity.lastSeen) >= inactiveMillis)) continue;
    const read = new Set([...Object.keys(group.topics), ...progress.topicsOf(group.name), retryTopic(group.name)]);
    for (const name of read) {
      const topic = topics.get(name);
      if (topic === undefined) continue;
      for (let queueId = 0; queueId < Math.max(topic.readQueueNums, topic.writeQueueNums); queueId++) {
        const end = log.maxOffset(name, queueId);
        const position = Math.max(progress.query(group.name, name, queueId) ?? 0, log.minOffset(name, queueId));
        if (position >= end) continue;
        const next = await log.physicalOffsetFrom(name, queueId, position);
        if (next !== undefined && next < segment.endOffset) return { group: group.name, topic: name, queueId };
      }
    }
  }
  return undefined;
}
