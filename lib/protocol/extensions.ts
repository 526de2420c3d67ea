/**
 * All that travels beyond RocketMQ, in one list. An Apache broker ignores the request fields and keeps the properties
 * as user properties; what the client does then stands beside each.
 */
export const EXTENSION_PREFIX = 'NESTMQ_';

/** Extension fields of a request's header. */
export const ExtensionField = {
  /**
   * On the answer to HEART_BEAT: the version of these extensions, 2 at present; from 2 on SEND_PACK is served. Absent from Apache: the client does what
   * `lib/client/connection/capabilities.ts` says, by the version of the broker and by its settings.
   */
  EXTENSIONS: 'NESTMQ_EXTENSIONS',
  /**
   * On CONSUMER_SEND_MSG_BACK: milliseconds until the retry, exact.
   * Not sent to Apache: the client sends the message to the retry topic, to be delivered then.
   */
  RETRY_DELAY_MS: 'NESTMQ_RETRY_DELAY_MS',
  /**
   * On CONSUMER_SEND_MSG_BACK: why the message comes back, JSON `{errorClass, message, firstFailedAt, attempts}`.
   * Not sent to Apache: the client sends the message to the retry topic, with the reason among its properties.
   */
  REASON: 'NESTMQ_REASON',
  /**
   * In the consumer data of a HEART_BEAT with CONSUME_FROM_TIMESTAMP: the date itself, milliseconds since 1970. The broker
   * looks the positions up and stores them when the group registers. Apache ignores it: the client does so, queue by queue.
   */
  START_AT: 'NESTMQ_START_AT',
  /**
   * On the answer to QUERY_CONSUMER_OFFSET: processes have died this often with the same messages unsettled. The client
   * then handles the messages below `SUSPECTS_UNTIL` one at a time, in the whole process, each between two requests
   * HANDLE_ALONE. Absent from Apache: nothing is suspected.
   */
  DEATHS: 'NESTMQ_DEATHS',
  SUSPECTS_UNTIL: 'NESTMQ_SUSPECTS_UNTIL',
  /**
   * On the answer to a send with DEDUP_ID: whether a message with this id was there before; the answer is then about that
   * one, and ORIGINAL_ID is its unique key. Absent from Apache: it stores every message, and the client says so once a topic.
   */
  DUPLICATE: 'NESTMQ_DUPLICATE',
  ORIGINAL_ID: 'NESTMQ_ORIGINAL_ID',
  /**
   * On NOTIFY_CONSUMER_IDS_CHANGED: a topic that has appeared or got other queues, so that members look for its new queues
   * at once. Absent from Apache: they find them when they refresh their routes, within 30 s.
   */
  CHANGED_TOPIC: 'NESTMQ_CHANGED_TOPIC',
  /**
   * On RESET_CONSUMER_CLIENT_OFFSET, `true`: the broker has stored the new position, and answers pulls with OFFSET_RESET
   * until the client has asked for it; the notice tells nothing more. Apache's broker leaves storing to the clients: ours
   * does as RocketMQ's and commits what the notice says.
   */
  RESET_STORED: 'NESTMQ_RESET_STORED',
  /**
   * On UPDATE_CONSUMER_OFFSET: answer when a crash would not take the position back. Apache ignores it and writes positions
   * every 5 s: should the broker itself crash, what was acknowledged since then comes again.
   */
  DURABLE: 'NESTMQ_DURABLE',
  /** Beside DEATHS: the offset of a message that was in a handler alone when the process died. It is for the dead letters. */
  KILLER: 'NESTMQ_KILLER',
  /**
   * On REGISTER_BROKER, `true`: these are all topics of the broker, what is missing has been deleted. Apache's NameServer
   * ignores it and keeps the routes of deleted topics until it is told (DELETE_TOPIC_IN_NAMESRV).
   */
  ALL_TOPICS: 'NESTMQ_ALL_TOPICS',
} as const;

/** Fields of our own in bodies. */
export const ExtensionBodyField = {
  /**
   * In a subscription to `*`: what is really wanted, as a list of `{tag?, selector?, headers?}`, a message having to pass
   * one of them. For wildcards in tags, headers, and groups of which several listeners select.
   * Apache ignores it and sends everything: the client filters.
   */
  FILTERS: 'NESTMQ_FILTERS',
  /**
   * In the configuration of a topic, when its broker registers: how many of its queues keys hash over, and that this was
   * changed since the topic was made. Apache's NameServer ignores both: each client keeps to the queues that it saw first.
   */
  ORDERED_QUEUES: 'NESTMQ_ORDERED_QUEUES',
  KEYS_SPREAD: 'NESTMQ_KEYS_SPREAD',
  /**
   * In a route, `a:4;b:4`: the queues that keys hash over, when they are not just those that can be written to now, because
   * a broker is away or takes no messages. Keys wait for it. Absent from Apache's NameServer: a client that starts
   * meanwhile spreads keys over the brokers that are left; ORDER_TOPIC_CONFIG prevents that on both.
   */
  KEY_QUEUES: 'NESTMQ_KEY_QUEUES',
} as const;

/** Request codes of our own; Apache answers them with REQUEST_CODE_NOT_SUPPORTED. All lie between 31,000 and 31,999. */
export const ExtensionCode = {
  /**
   * Says durably that a suspected message is now in a handler, and no other one of the process; with `done` that it has
   * left it. Only sent after an answer with DEATHS, so never to Apache.
   */
  HANDLE_ALONE: 31_001,
  /**
   * Many independent sends in one request, each with a result of its own, see `pack/send-pack.ts`. Only sent on a channel on
   * which the broker has said that it knows version 2 of these extensions; others get every message in a request of its own.
   */
  SEND_PACK: 31_010,
  /** Marks dead letters of a group as resent, removed or open again. Apache keeps no marks: letters are offered again. */
  MARK_DEAD_LETTERS: 31_020,
  /** Which of a group's dead letters are resent or removed. Apache: all count as open. */
  DEAD_LETTER_STATES: 31_021,
  /**
   * Refuses what is sent with a sharding key to a topic, for some seconds at a time, while its groups settle what was sent
   * before. Apache: keys stay with the queues they have, and spreading them is refused with NOT_SUPPORTED.
   */
  HOLD_KEYS: 31_030,
  /** Under such a hold: lets the keys hash over another number of queues, and ends it. */
  SPREAD_KEYS: 31_031,
  /**
   * The first request on each channel to a process of this machine whose store is shared: who comes, and which store and
   * versions the two have. Only sent through the local socket that the lock of a store names, so never to Apache.
   */
  JOIN_STORE: 31_040,
} as const;

/** Properties of a message. Reserved like RocketMQ's own: users cannot set them, and do not see them among theirs. */
export const ExtensionProperty = {
  /** `text`, `json` or `binary`. Apache keeps it; a message without it is decoded by the listener's declared type. */
  CONTENT_TYPE: 'NESTMQ_CONTENT_TYPE',

  /**
   * On replies: `value`, `values` (an array of what the handler gave one after the other), `nothing` (the handler returned
   * nothing), `empty` (a value without bytes, which RocketMQ cannot send: the body stands for it) or `error` (the body is JSON of what it threw). A reply of RocketMQ's own clients has none and is a value.
   */
  REPLY: 'NESTMQ_REPLY',

  /**
   * When the message expires (ms since 1970): from then on no handler gets it, the client makes a dead letter of it. Apache
   * keeps it, so that this holds there as well.
   */
  EXPIRES_AT: 'NESTMQ_EXPIRES_AT',

  /**
   * The id by which a topic with de-duplication knows a message again; 255 bytes at the most. Apache keeps it as a user
   * property and stores every message.
   */
  DEDUP_ID: 'NESTMQ_DEDUP_ID',

  /** On retries: when the message first failed (ms since 1970). On Apache the client puts it there. */
  FIRST_FAILED_AT: 'NESTMQ_FIRST_FAILED_AT',
  /** On retries: the queue and the offset of the message as it was sent. On Apache the client puts it there. */
  ORIGIN_QUEUE_ID: 'NESTMQ_ORIGIN_QUEUE_ID',
  ORIGIN_QUEUE_OFFSET: 'NESTMQ_ORIGIN_QUEUE_OFFSET',

  /** On dead letters: why and when. On Apache the client puts it there; dead letters of RocketMQ's own clients have none. */
  DLQ_ERROR_CLASS: 'NESTMQ_DLQ_ERROR_CLASS',
  DLQ_ERROR_MESSAGE: 'NESTMQ_DLQ_ERROR_MESSAGE',
  DLQ_ATTEMPTS: 'NESTMQ_DLQ_ATTEMPTS',
  DLQ_FIRST_FAILED_AT: 'NESTMQ_DLQ_FIRST_FAILED_AT',
  DLQ_LAST_FAILED_AT: 'NESTMQ_DLQ_LAST_FAILED_AT',
  /** On dead letters: where the message was sent to at first. */
  DLQ_TOPIC: 'NESTMQ_DLQ_TOPIC',
  DLQ_QUEUE_ID: 'NESTMQ_DLQ_QUEUE_ID',
  DLQ_QUEUE_OFFSET: 'NESTMQ_DLQ_QUEUE_OFFSET',

  /**
   * On a message that was sent once more because somebody asked for it, from the dead letters or by a replay: an id that
   * is the same whenever the same one is resent, or the same replay repeated. Apache keeps them.
   */
  RESENT: 'NESTMQ_RESENT',
  REPLAYED: 'NESTMQ_REPLAYED',
  /** Beside them: the unique id of the message as it was sent at first. */
  ORIGIN_ID: 'NESTMQ_ORIGIN_ID',
  /**
   * Beside them, when who has handled the message is not to handle it again: the stamp, RESENT or REPLAYED, of the copy
   * that was sent again, or `original` when that had none. Apache keeps it, so that this holds there as well.
   */
  KEEP_IDEMPOTENCY: 'NESTMQ_KEEP_IDEMPOTENCY',

  /** On a delivered timer: the physical offset of the parked record, so that a crash neither loses nor doubles it. */
  TIMER_SOURCE: 'NESTMQ_TIMER_SOURCE',
  /**
   * On what settles a half message (the committed message itself, a dead letter, or the mark of a rollback): the physical
   * offset of the half message, so that a crash neither loses nor doubles it. Apache's broker keeps its own marks.
   */
  TRANSACTION_SOURCE: 'NESTMQ_TRANSACTION_SOURCE',
  /** On a mark in the op topic: physical offsets of half messages that were checked, comma-separated. */
  TRANSACTION_CHECKED: 'NESTMQ_TRANSACTION_CHECKED',
  /**
   * On a half message that retention appended again: the physical and the queue offset that its producer was told, how often
   * it was checked, and when it was checked last (ms since 1970, 0 for never), comma-separated.
   */
  TRANSACTION_HALF: 'NESTMQ_TRANSACTION_HALF',
  /** On a record that retention appended again: the physical offset of the original. */
  COPIED_FROM: 'NESTMQ_COPIED_FROM',
  /** On a record that retention appended again: when the original was stored (ms since 1970). */
  FIRST_STORED_AT: 'NESTMQ_FIRST_STORED_AT',
} as const;

/**
 * Before the name of a concurrent group under which its members lock queues on Apache's broker: a RocketMQ 5 broker makes
 * a dead letter of every retry that is sent while its group holds a lock under its own name.
 */
export const LOCK_GROUP_PREFIX = 'NESTMQ_LOCK_';

/** The version of these extensions. */
export const EXTENSIONS_VERSION = 2;
/** The first version with SEND_PACK. */
export const PACKS_SINCE = 2;

/**
 * Delays that are no level use RocketMQ 5's own TIMER_DELIVER_MS. Our broker keeps any duration to the millisecond;
 * Apache rounds to seconds and refuses more than three days (a boot or send error in the client).
 */
