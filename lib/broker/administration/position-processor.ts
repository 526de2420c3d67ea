import {
  checkGroup,
  type CloneOffsetRequestHeader,
  encodeQueueOffsets,
  isRetryTopic,
  MessagingError,
  type QueueOffset,
  type RemotingCommand,
  RequestCode,
  type ResetOffsetRequestHeader,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import { answerLater, success } from '../answers.js';
import type { AdminParts, Handlers } from './parts.js';
import { PositionMover, type Target } from './position-mover.js';
import { Version } from './rocketmq-versions.js';
import { unknownGroup } from './unknown-group.js';

/** RocketMQ's word for the end of a queue, in the place of a time. */
const TO_THE_END = -1;

/** INVOKE_BROKER_TO_RESET_OFFSET, CLONE_GROUP_OFFSET: moving groups. */
export class PositionProcessor {
  private readonly mover: PositionMover;

  constructor(private readonly parts: AdminParts) {
    this.mover = new PositionMover(parts);
  }

  get handlers(): Handlers {
    return [
      [RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, this.reset],
      [RequestCode.CLONE_GROUP_OFFSET, this.clone],
    ];
  }

  private readonly reset = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const header = withoutDefaults(request.header as ResetOffsetRequestHeader);
    // Tools before RocketMQ 5 can ask for nobody to be moved ahead; later ones leave that out.
    const backOnly = request.version < Version.V5_0_0 && !header.isForce;
    answerLater(this.move(header, backOnly), respond, (moved) => success(encodeQueueOffsets(moved)));
  };

  private readonly clone = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    answerLater(this.copy(request.header as CloneOffsetRequestHeader), respond, () => success());
  };

  private async move(header: ResetOffsetRequestHeader, backOnly: boolean): Promise<QueueOffset[]> {
    const { group, topic, timestamp } = header;
    this.check(header);
    const targets = await Promise.all(
      this.queuesOf(header).map(async (queueId): Promise<Target> => {
        const offset = await this.target(header, queueId);
        const now = backOnly ? this.parts.offsets.query(group, topic, queueId) : undefined;
        return { queueId, offset: now === undefined ? offset : Math.min(now, offset) };
      }),
    );
    return this.mover.move(group, topic, targets, timestamp);
  }

  private check({ group: name, topic, queueId, offset }: ResetOffsetRequestHeader): void {
    const { store, offsets } = this.parts;
    const group = store.groups.get(name);
    if (group === undefined) throw unknownGroup(name);
    offsets.queueOf(topic, 0);
    this.refuseBroadcast(name);
    if (!Object.hasOwn(group.topics, topic) && !store.progress.topicsOf(name).includes(topic)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Group ${name} has never subscribed to ${topic}; it has no position there.`,
      );
    }
    if (offset !== undefined && !(queueId !== undefined && queueId >= 0)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The offset ${offset} of ${topic} is one of a single queue; name the queue.`,
      );
    }
  }

  private refuseBroadcast(name: string): void {
    if (this.parts.consumers.group(name)?.broadcasting === true) {
      throw new MessagingError(
        'NOT_SUPPORTED',
        `Group ${name} is a broadcast group: each instance keeps its own position.`,
      );
    }
  }

  private queuesOf({ topic, queueId }: ResetOffsetRequestHeader): number[] {
    if (queueId === undefined || queueId < 0) {
      return Array.from({ length: this.parts.store.topics.get(topic)!.readQueueNums }, (_, index) => index);
    }
    this.parts.offsets.queueOf(topic, queueId);
    return [queueId];
  }

  private async target({ topic, timestamp, offset }: ResetOffsetRequestHeader, queueId: number): Promise<number> {
    const { store } = this.parts;
    const first = store.minOffset(topic, queueId);
    const end = store.maxOffset(topic, queueId);
    if (offset === undefined) {
      return timestamp === TO_THE_END ? end : store.offsetByTime(topic, queueId, timestamp);
    }
    if (offset >= first && offset <= end) return offset;
    throw new MessagingError(
      'OFFSET_OUT_OF_RANGE',
      `Queue ${queueId} of ${topic} holds the offsets ${first} to ${end}; there is no ${offset} to go to.`,
    );
  }

  /** The other group goes on where this one is. It is made if it is not there yet. */
  private async copy({ srcGroup, destGroup, topic: named }: CloneOffsetRequestHeader): Promise<void> {
    const { store, topics, offsets } = this.parts;
    checkGroup(destGroup);
    if (store.groups.get(srcGroup) === undefined) throw unknownGroup(srcGroup);
    this.refuseBroadcast(srcGroup);
    this.refuseBroadcast(destGroup);
    // What waits in the retry topic is the group's own.
    const own = [...store.progress.topicsOf(srcGroup), ...Object.keys(store.groups.get(srcGroup)!.topics)].filter(
      (name) => !isRetryTopic(name),
    );
    const names = named === undefined || named === '' ? [...new Set(own)] : [named];
    const known = names.filter((name) => topics.get(name) !== undefined);
    if (named !== undefined && named !== '' && !own.includes(named)) {
      throw new MessagingError('BAD_ARGUMENT', `Group ${srcGroup} has no position in ${named} that could be cloned.`);
    }
    const plans = known.map((topic) => {
      const targets: Target[] = [];
      for (let queueId = 0; queueId < topics.get(topic)!.readQueueNums; queueId++) {
        const offset = offsets.query(srcGroup, topic, queueId);
        if (offset !== undefined) targets.push({ queueId, offset });
      }
      return { topic, targets };
    });
    await store.groups.ensure(destGroup, known, store.visibleOffset);
    await topics.ensureRetryTopic(destGroup);
    for (const { topic, targets } of plans) await this.mover.move(destGroup, topic, targets, TO_THE_END);
  }
}

/** RocketMQ 5's tools write -1 for no offset when they mean all queues. */
function withoutDefaults(header: ResetOffsetRequestHeader): ResetOffsetRequestHeader {
  return header.offset === -1 && (header.queueId ?? -1) < 0 ? { ...header, offset: undefined } : header;
}
