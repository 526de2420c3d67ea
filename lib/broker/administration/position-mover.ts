import {
  createRequest,
  encodeQueueOffsets,
  encodeQueueOffsetList,
  type QueueOffset,
  RequestCode,
} from '../../protocol/index.js';
import type { GroupMember } from '../consumer-group.js';
import type { AdminParts } from './parts.js';
import { Version } from './rocketmq-versions.js';

/** Positions in `LANGUAGES`. */
const JAVA = 0;
const CPP = 1;

export interface Target {
  readonly queueId: number;
  readonly offset: number;
}

/** Moves a group's positions in a topic by order, while its members are at work. */
export class PositionMover {
  constructor(private readonly parts: AdminParts) {}

  /** Resolves when a crash would not take it back, and all members are told or will be by the answers to their pulls. */
  async move(name: string, topic: string, targets: readonly Target[], timestamp: number): Promise<QueueOffset[]> {
    const { store, consumers, resets, held, options } = this.parts;
    const members = [...(consumers.group(name)?.members() ?? [])];
    // In one turn: a member that asks for its position in between would be told the one before, and count as up to date.
    const durable = targets.map(({ queueId, offset }) => {
      store.progress.reset(name, topic, queueId, offset);
      return resets.begin(name, topic, queueId, members);
    });
    await Promise.all([...durable, store.progress.flush()]);
    const moved = targets.map(({ queueId, offset }) => {
      return { queue: { topic, brokerName: options.name, queueId }, offset };
    });
    const told = { topic, group: name, timestamp, stored: true };
    for (const member of members) {
      if (!knowsTheNotice(member)) continue;
      const notice = member.language === CPP ? encodeQueueOffsetList(moved) : encodeQueueOffsets(moved);
      member.channel.oneway(createRequest(RequestCode.RESET_CONSUMER_CLIENT_OFFSET, told, notice));
    }
    held.release(topic);
    return moved;
  }
}

/**
 * RocketMQ's own clients from 5 on are told by the answers to their pulls, as by a broker of that age; the notice would
 * make them stop for another ten seconds. Those before know only the notice.
 */
function knowsTheNotice({ language, version }: GroupMember): boolean {
  return version >= Version.V3_0_7 && !(language === JAVA && version >= Version.V5_0_0);
}
