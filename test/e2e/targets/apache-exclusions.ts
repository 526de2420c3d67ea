import type { CapabilityName } from '../../../lib/client/connection/capability-table.js';

/** Why something is not shown on Apache's broker: what it cannot do, or what the suite cannot do with it. */
export type Reason = CapabilityName | 'broker settings' | 'real time' | 'short levels';

/** What the reasons mean that are no capability of a broker. */
export const REASONS: Readonly<Record<Exclude<Reason, CapabilityName>, string>> = {
  'broker settings': 'one broker stands for all behaviours, and has the settings of none',
  'short levels': 'its delay levels are a second each here',
  'real time': 'takes hours, or compares milliseconds, on a clock that nobody holds',
};

export const exclusions: Readonly<Partial<Record<Reason, readonly string[]>>> = {
  deduplication: [
    'de-duplication: a second message with the id is not stored, and its sender is told of the first',
    'de-duplication: one id in two topics is two ids',
    'de-duplication: a topic knows no more ids than its count, the newest',
    'de-duplication: two sends at once store one message, and both are told of it',
    'de-duplication: a delayed message counts from its sending, and is delivered once',
    'de-duplication: a topic that does not de-duplicate refuses an id, and is not made by it',
    'de-duplication: a dead letter that is resent passes, and says that it was',
  ],
  marks: [
    'administration of dead letters: a resent one comes to the group that gave it up as a first attempt, stamped, and to no other group',
    'administration of dead letters: what was resent is not offered again, unless it is asked for',
    'administration of dead letters: what is put away is not offered and not sent',
    'administration of dead letters: one that fails again is a letter again, with all its retries before',
    'administration of dead letters: resends all that match, and says of each what became of it',
  ],
  orderedQueues: [
    'widening a topic: keys stay in their queues, for producers old and new',
    'widening a topic: with `keys` they are spread over all queues, for producers old and new',
    'widening a topic: keys stay where they are when a group does not settle in time, and go on at once',
    'widening a topic: with `keys` they wait until every group has settled what was sent before',
    'widening a topic: no message of a key overtakes another while its topic is widened, and none is lost',
  ],
  newQueues: ['widening a topic: messages without a key go to the new queues at once, and are handled'],
  moves: ['positions: a group that is moved to the end skips what it has not begun'],
  groups: [
    'positions: lag tells for how long the oldest message has been waiting',
    'positions: the groups of a topic are known, whether they are at work or not',
    'positions: all groups are listed with their topics, members and lag',
    'positions: moving a group that is none, or that has nothing to do with the topic, is refused',
    'replay: to a group that does not read the topic, to nobody or to a topic of the broker it is refused',
    'moving a backlog: what a resting group has not settled goes to a wider topic, and the group goes on behind it',
    'moving a backlog: what is left in the wider topic comes back to its group, as of its own topic',
    'moving a backlog: of a group that is at work nothing is moved',
  ],
  checks: [
    'transactions: UNKNOWN is asked about after 6 s, and committed when the check says so',
    'transactions: a check that throws is asked again 30 s later',
    'transactions: a check that says ROLLBACK ends it',
    'transactions: other applications are not asked',
    'transactions: after 15 checks it goes to the transaction dead letters, with the reason',
    'transactions: while no member of the producer group is there, checks do not count',
  ],
  'broker settings': [
    'sending: a topic that nobody declared is refused when the broker creates none by itself',
    'sending: asyncSend calls back with the error, and does not throw it',
    'transactions: what could not be stored executes nothing',
    'transactions: the broker may be told other times',
    'filters: a broker whose sqlFilters is off refuses selectors at boot, and takes wildcards and headers',
    'finding messages: a broker without an index says so, and still finds by time',
    'message trace: is off unless it is asked for',
    'message trace: harms no send where it cannot be stored, and says so once',
    'traces: a send that fails is red',
    'metrics: count sends by what became of them',
  ],
  'short levels': ['consumeTimeout: a message whose handler takes too long is tried again on the ladder'],
  'real time': [
    'dead letters: after the last retry a message becomes a dead letter of its group',
    'replay: a range of time replays what was stored in it',
    'consumeTimeout: a handler that ends in time is left alone',
    'delays: nobody sees a delayed message before its time',
    'delays: delayed messages come in the order of their time, not of their sending',
    'receiving: a waiting listener gets a message within milliseconds',
    'expiry: the last millisecond before it is still in time, the one itself is not',
  ],
};
