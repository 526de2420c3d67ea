import { createHash } from 'node:crypto';
import type { MessageQueue } from '../../protocol/index.js';

/** What a member knows when it looks for its queues. */
export interface AllocationContext {
  readonly group: string;
  readonly topic: string;
  /** Of the topic, by broker and number. */
  readonly queues: readonly MessageQueue[];
  /** Client ids of all members, in order. */
  readonly members: readonly string[];
  /** The client id of this member; one of them. */
  readonly self: string;
}

/**
 * How the queues of a topic are divided among the members of a group. All members must have the same, and come to the same
 * result by themselves. By RocketMQ's rules: `average` (AVG) gives runs of neighbouring queues, `average-by-circle`
 * (AVG_BY_CIRCLE) every n-th, `consistent-hash` (CONSISTENT_HASH) moves few queues when members come and go. A function
 * gives this member's queues, by machine room for example.
 */
export type RebalanceStrategy =
  'average' | 'average-by-circle' | 'consistent-hash' | ((context: AllocationContext) => readonly MessageQueue[]);

export const REBALANCE_STRATEGIES = ['average', 'average-by-circle', 'consistent-hash'] as const;

/** Places of a member on the ring; RocketMQ's number. */
const VIRTUAL_NODES = 10;

/** @param realTopic The topic's name on the broker, which clients of other languages hash. */
export function allocate(strategy: RebalanceStrategy, context: AllocationContext, realTopic: string): MessageQueue[] {
  const { queues, members, self } = context;
  if (typeof strategy === 'function') return chosen(strategy, context);
  if (strategy === 'average-by-circle') return allocateByCircle(queues, members, self);
  if (strategy === 'consistent-hash') return allocateByHash(queues, members, self, realTopic);
  return allocateAveragely(queues, members, self);
}

/** Every member gets a run of neighbouring queues, the first members one more when it does not divide. */
export function allocateAveragely<Q>(queues: readonly Q[], members: readonly string[], self: string): Q[] {
  const index = members.indexOf(self);
  if (index < 0 || queues.length === 0) return [];
  const rest = queues.length % members.length;
  const share = Math.floor(queues.length / members.length);
  const size = index < rest ? share + 1 : share;
  const start = index < rest ? index * size : index * share + rest;
  return queues.slice(start, start + size);
}

/** The queues are dealt out like cards. */
export function allocateByCircle<Q>(queues: readonly Q[], members: readonly string[], self: string): Q[] {
  const index = members.indexOf(self);
  return index < 0 ? [] : queues.filter((_, at) => at % members.length === index);
}

/** Every queue goes to the next member on a ring of hashes. */
export function allocateByHash(
  queues: readonly MessageQueue[],
  members: readonly string[],
  self: string,
  realTopic: string,
): MessageQueue[] {
  const places = new Map<number, string>();
  for (const member of members) {
    for (let node = 0; node < VIRTUAL_NODES; node++) places.set(ringHash(`${member}-${node}`), member);
  }
  const ring = [...places].toSorted(([a], [b]) => a - b);
  return queues.filter(({ brokerName, queueId }) => {
    // What MessageQueue.toString() gives in Java.
    const place = ringHash(`MessageQueue [topic=${realTopic}, brokerName=${brokerName}, queueId=${queueId}]`);
    const [, member] = ring.find(([at]) => at >= place) ?? ring[0] ?? [];
    return member === self;
  });
}

/** The first four bytes of the MD5. */
function ringHash(text: string): number {
  return createHash('md5').update(text).digest().readUInt32BE(0);
}

// A queue that the topic does not have would be pulled in vain for ever.
function chosen(
  strategy: (context: AllocationContext) => readonly MessageQueue[],
  context: AllocationContext,
): MessageQueue[] {
  const given = new Set(strategy({ ...context, queues: context.queues.map((queue) => ({ ...queue })) }).map(placeOf));
  const found = context.queues.filter((queue) => given.delete(placeOf(queue)));
  if (given.size === 0) return found;
  throw new Error(`the rebalance function gives ${[...given].join(', ')}, which ${context.topic} does not have`);
}

function placeOf({ brokerName, queueId }: MessageQueue): string {
  return `queue ${queueId} of ${brokerName}`;
}
