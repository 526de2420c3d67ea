import {
  checkGroup,
  checkTopic,
  decodeQueueOffsets,
  MessagingError,
  RequestCode,
  type ResetOffsetRequestHeader,
} from '../../protocol/index.js';
import type { AdminCalls } from './admin-calls.js';
import { checkOptions, option } from './check-options.js';
import type { GroupAdmin } from './group-admin.js';
import type { ReplayRange } from './replay-range.js';
import { Replayer, type ReplayOptions, type ReplayReport, type ReplayTarget } from './replayer.js';

/** Where a group is moved to. @publicApi */
export type Position = 'earliest' | 'latest' | Date | number;

/** @publicApi */
export interface ResetOptions {
  /** Only this queue. Required with an offset. */
  queueId?: number;
  /** Only the queues of this broker. */
  brokerName?: string;
}

/** Where a group goes on from now on. @publicApi */
export interface MovedQueue {
  brokerName: string;
  queueId: number;
  offset: number;
}

/** RocketMQ's word for the end of a queue. */
const TO_THE_END = -1;

const RESET_RULES = { queueId: option.whole(0, 65_535), brokerName: option.text } as const;

/** What groups have still to handle: moving them, replaying to them, spreading it. @publicApi */
export class BacklogAdmin {
  constructor(
    private readonly calls: AdminCalls,
    private readonly groups: GroupAdmin,
  ) {}

  /**
   * Moves a group to another place in a topic, forward or back, whether it is at work or not. Members at work drop what
   * they have fetched, let running handlers end and go on from there; nothing they knew before is stored afterwards.
   * @param to `'earliest'`, `'latest'`, the first message stored at a date or later, or an offset of one queue.
   * @throws MessagingError GROUP_NOT_FOUND, TOPIC_NOT_FOUND, BAD_ARGUMENT, OFFSET_OUT_OF_RANGE, NOT_SUPPORTED for a
   * broadcast group.
   */
  async resetPosition(group: string, topic: string, to: Position, options: ResetOptions = {}): Promise<MovedQueue[]> {
    const { core } = await this.calls.parts();
    checkGroup(group, core.settings.namespace);
    checkTopic(topic, core.settings.namespace);
    checkOptions('backlog.resetPosition', options, RESET_RULES);
    const { queueId, brokerName } = options;
    const header: ResetOffsetRequestHeader = {
      topic,
      group,
      isForce: true,
      queueId: queueId ?? -1,
      ...target(to, queueId),
    };
    const route = await this.calls.route(topic);
    const masters = this.calls
      .masters(route)
      .filter((master) => (brokerName ?? master.brokerName) === master.brokerName);
    if (masters.length === 0)
      throw new MessagingError('BAD_ARGUMENT', `No broker ${brokerName} has the topic ${topic}`);
    const moved: MovedQueue[] = [];
    for (const { address } of masters) {
      const body = await this.calls.ask(address, RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, header);
      for (const { queue, offset } of decodeQueueOffsets(body)) {
        moved.push({ brokerName: queue.brokerName, queueId: queue.queueId, offset });
      }
    }
    return moved;
  }

  /**
   * Sends stored messages once more: to one group, and to no other, or to a topic with all its groups. They come as new
   * messages (`message.replayed`) in the order of each queue, and of each key; positions stay as they are.
   * @throws MessagingError TOPIC_NOT_FOUND, GROUP_NOT_FOUND, BAD_ARGUMENT, NOT_SUPPORTED for a broadcast group. A broker
   * that is away ends the replay: see `ReplayReport.next`.
   */
  async replay(range: ReplayRange, to: ReplayTarget, options: ReplayOptions = {}): Promise<ReplayReport> {
    return new Replayer(this.calls, this.groups).replay(range, to, options);
  }

  /**
   * Takes what a group has still to settle in a topic from it, and sends it to a topic, as a wider one on which more members
   * can work, or to another group. The group must be at rest; its position goes along, so that it goes on behind.
   * @throws MessagingError as `replay`; BAD_ARGUMENT while the group is at work.
   */
  async move(group: string, topic: string, to: ReplayTarget, options: ReplayOptions = {}): Promise<ReplayReport> {
    return new Replayer(this.calls, this.groups).move(group, topic, to, options);
  }
}

function target(to: Position, queueId: number | undefined): Pick<ResetOffsetRequestHeader, 'timestamp' | 'offset'> {
  if (to === 'earliest') return { timestamp: 0, offset: undefined };
  if (to === 'latest') return { timestamp: TO_THE_END, offset: undefined };
  if (to instanceof Date && to.getTime() >= 0) return { timestamp: to.getTime(), offset: undefined };
  if (typeof to === 'number' && Number.isSafeInteger(to) && to >= 0) {
    if (queueId !== undefined) return { timestamp: TO_THE_END, offset: to };
    throw new MessagingError('BAD_ARGUMENT', `The offset ${to} is one of a single queue; give its queueId as well`);
  }
  throw new MessagingError(
    'BAD_ARGUMENT',
    "A position is 'earliest', 'latest', a date since 1970, or an offset of one queue",
  );
}
