/** One metric; its row in the README says the same. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Beside `connection`, which all have. Never anything of a single message. */
  readonly labels: readonly string[];
}

/** All metrics that are read when somebody asks for them. */
export const METRICS = {
  up: gauge('connection_up', 'Whether every broker of the connection answers and takes messages: 1, otherwise 0.'),
  sent: counter('messages_sent_total', 'Messages sent, by outcome (ok, failed, oneway).', 'topic', 'status'),
  sendRetries: counter('send_retries_total', 'Attempts of sends beyond the first.'),
  consumed: counter(
    'messages_consumed_total',
    'Deliveries whose handler has settled, by outcome (acknowledged, retried, dead_lettered, postponed, or failed and not retried).',
    'topic',
    'group',
    'mode',
    'status',
  ),
  retried: counter('messages_retried_total', 'Deliveries that another attempt follows.', 'topic', 'group'),
  deadLettered: counter('messages_dead_lettered_total', 'Deliveries that became dead letters.', 'topic', 'group'),
  filtered: counter('messages_filtered_total', 'Messages that were fetched and are for no listener of their group.'),
  processKillers: counter(
    'process_killers_total',
    'Messages given up without a handler, because the process died with them alone in one.',
  ),
  sendBackFailures: counter(
    'send_back_failures_total',
    'Times that a retry or dead letter could not be handed to the broker and was kept.',
  ),
  pulls: counter('pulls_total', 'Requests for messages.'),
  pullFailures: counter('pull_failures_total', 'Requests for messages that failed.'),
  rebalances: counter('rebalances_total', 'Times that queues were divided among the members of a group.'),
  heartbeatFailures: counter('heartbeat_failures_total', 'Heartbeats that no broker took.'),
  inFlight: gauge('consumer_inflight', 'Messages whose handler runs or whose outcome is on its way.', 'group', 'mode'),
  buffered: gauge('consumer_buffered_messages', 'Messages that are fetched and not settled.', 'group', 'mode'),
  queues: gauge('consumer_queues', 'Queues that this process has of the group.', 'group', 'mode'),
  paused: gauge('consumer_paused', 'Whether the whole group is held: 1, otherwise 0.', 'group', 'mode'),
  suspended: gauge(
    'consumer_suspended_listeners',
    'Listeners that take nothing new for a while, because they said so (PostponeError).',
    'group',
    'mode',
  ),
  lag: gauge(
    'consumer_lag_messages',
    'Messages stored and not settled, in the queues that this process has of the group.',
    'topic',
    'group',
  ),
  lagSeconds: gauge('consumer_lag_seconds', 'Age of the oldest of them.', 'topic', 'group'),
  idempotent: counter(
    'idempotency_messages_total',
    'Messages of idempotent listeners, by outcome (acquired, skipped, busy, lost_lease, conflict, store_error).',
    'group',
    'listener',
    'store',
    'outcome',
  ),
  unprotected: counter(
    'idempotency_unprotected_total',
    "Messages handled although the store could not be asked, because failurePolicy is 'open'.",
    'group',
    'listener',
    'store',
  ),
  idempotencyStore: gauge(
    'idempotency_store_up',
    'Whether the store of the listener answers: 1, otherwise 0.',
    'group',
    'listener',
    'store',
  ),
  outboxWaiting: gauge('outbox_waiting_rows', 'Rows of the outbox that are to be sent.'),
  outboxFailed: gauge('outbox_failed_rows', 'Rows of the outbox that cannot be sent until somebody decides.'),
  outboxAge: gauge('outbox_oldest_seconds', 'Age of the oldest row of the outbox that is to be sent.'),
  outboxSent: counter('outbox_sent_total', 'Rows that the relay in this process has sent and marked.'),
  outboxResent: counter('outbox_resent_total', 'Of them those that may have been sent before.'),
  outboxRetries: counter('outbox_retries_total', 'Sends of the relay that failed and are tried again.'),
  outboxTakenOver: counter('outbox_lanes_taken_over_total', 'Lanes taken over from a relay that died or stalled.'),
  brokerHosted: gauge(
    'broker_hosted',
    'Whether this process hosts the broker of its store: 1; 0 while another process does, or none.',
  ),
  brokerJoined: gauge('broker_joined_processes', 'Other processes that work with the broker inside.'),
  brokerRestarts: counter(
    'broker_thread_restarts_total',
    "Times that the broker's own thread has crashed and was started again; absent without one.",
  ),
  brokerPut: counter('broker_put_total', 'Messages stored by the broker inside.'),
  brokerGet: counter('broker_get_total', 'Messages handed out by the broker inside.'),
  brokerDeadLetters: counter('broker_dead_letters_total', 'Dead letters stored by the broker inside.'),
  brokerBytes: counter('broker_stored_bytes_total', 'Bytes of the log that the broker inside has written.'),
  brokerDelayed: gauge('broker_delayed_messages', 'Messages that are stored and not due yet.'),
  brokerHalf: gauge('broker_half_messages', 'Transactional messages that are neither committed nor rolled back.'),
  brokerHeld: gauge('broker_held_pulls', 'Requests for messages that wait for one.'),
  brokerClients: gauge('broker_connections', 'Open connections to the broker inside.'),
  brokerGroups: gauge('broker_consumer_groups', 'Groups with a member.'),
  brokerDisk: gauge('broker_disk_used_ratio', 'Used part of the disk that the store is on, 0 to 1.'),
  brokerRefuses: gauge(
    'broker_refuses_sends',
    'Whether sends are refused, because the disk is full or failed: 1, otherwise 0.',
  ),
  brokerDamaged: counter('broker_damaged_records_total', 'Records that were found damaged while they were read.'),
} as const;

function counter(name: string, help: string, ...labels: string[]): MetricDefinition {
  return { name, type: 'counter', help, labels };
}

function gauge(name: string, help: string, ...labels: string[]): MetricDefinition {
  return { name, type: 'gauge', help, labels };
}

/** A histogram that is read like the others: the store counts its syncs anyway. */
export const FLUSHES = {
  name: 'broker_flush_duration_seconds',
  help: 'How long the disk took to sync the log, which confirmed sends wait for.',
  labels: [],
} as const;

/** Measured as they happen, and only with `durations: true`. */
export const DURATIONS = {
  send: {
    name: 'send_duration_seconds',
    help: 'How long sends took, with all their attempts.',
    labels: ['topic', 'status'],
  },
  handler: {
    name: 'handler_duration_seconds',
    help: 'How long handlers took, with their guards, pipes and interceptors.',
    labels: ['topic', 'group', 'status'],
  },
} as const;

export const DEFAULT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
