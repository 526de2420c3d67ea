/** What one broker does, and what the client does where it does not. */
export interface CapabilityRow {
  readonly what: string;
  readonly ours: string;
  readonly apache5: string;
  readonly apache4: string;
}

/** What users get from which broker: the table of the README, and the reasons why a contract suite leaves something out. */
export const CAPABILITIES = {
  delays: {
    what: 'delays and dates',
    ours: 'any, to the millisecond',
    apache5:
      'to the second (`timerPrecisionMs`), up to 3 days (`timerMaxDelaySec`), longer ones are refused with `NOT_SUPPORTED`; needs `timerWheelEnable`, the default',
    apache4: 'the 18 levels; others are refused with `NOT_SUPPORTED`',
  },
  retryDelays: {
    what: '`backoff`, `RetryLaterError`',
    ours: 'any, to the millisecond',
    apache5: 'as delays; a `backoff` that is longer is refused at boot',
    apache4: 'the level that is next from above; a `backoff` with other times is refused at boot',
  },
  reasons: {
    what: 'reason in the dead letter',
    ours: 'yes',
    apache5: 'yes, sent along by the client',
    apache4: 'yes, sent along by the client',
  },
  marks: {
    what: 'dead letters that are resent or put away are not offered again',
    ours: 'yes',
    apache5: 'they are offered again; putting away is refused with `NOT_SUPPORTED`',
    apache4: 'as with 5',
  },
  deduplication: {
    what: '`dedupId`',
    ours: 'on topics that say so',
    apache5: 'every message is stored, and a warning says so',
    apache4: 'as with 5',
  },
  selectors: {
    what: '`selector` (SQL)',
    ours: '`broker.sqlFilters`, on by default',
    apache5: 'needs `enablePropertyFilter=true`, otherwise refused at boot',
    apache4: 'as with 5',
  },
  filters: {
    what: 'wildcards in tags, `headers`',
    ours: 'in the broker',
    apache5: 'in the client: it gets all messages of the topic',
    apache4: 'as with 5',
  },
  orderedQueues: {
    what: 'keys of a widened topic',
    ours: 'keep their queues; `keys: true` spreads them',
    apache5:
      'keep them in producers that run; others use all queues, unless the order configuration of the NameServer says which; `keys: true` is refused with `NOT_SUPPORTED`',
    apache4: 'as with 5',
  },
  newQueues: {
    what: 'new queues of a topic',
    ours: 'are read at once',
    apache5: 'within 30 s',
    apache4: 'as with 5',
  },
  moves: {
    what: 'a group that is moved',
    ours: 'stops at once',
    apache5: 'hears of it with its next pull, and handles first what it has fetched',
    apache4: 'is told; one that is away is refused',
  },
  groups: {
    what: 'groups of a topic',
    ours: 'all that have registered',
    apache5: 'those that have a position in it',
    apache4: 'as with 5',
  },
  killers: {
    what: 'messages over which processes die',
    ours: 'come one at a time, then are dead letters',
    apache5: 'come again',
    apache4: 'come again',
  },
  positions: {
    what: 'acknowledged, then the broker crashes',
    ours: 'stays so, but for the last second',
    apache5: 'up to 5 s of it come again (`flushConsumerOffsetInterval`)',
    apache4: 'as with 5',
  },
  checks: {
    what: 'transactions are asked about',
    ours: 'after 6 s, then every 30 s, 15 times; then a dead letter with the reason',
    apache5:
      'from 6 s on (`transactionTimeOut`) with every round (`transactionCheckInterval`, 30 s), 15 times, also in vain; then in `TRANS_CHECK_MAX_TIME_TOPIC`',
    apache4: 'as with 5, every 60 s',
  },
} as const satisfies Record<string, CapabilityRow>;

export type CapabilityName = keyof typeof CAPABILITIES;

/** The table as Markdown, for the README. */
export function capabilityTable(): string {
  const rows = Object.values(CAPABILITIES).map(({ what, ours, apache5, apache4 }) => [what, ours, apache5, apache4]);
  const head = ['', 'our broker', 'RocketMQ 5', 'RocketMQ 4.9'];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return lines.join('\n');
}
