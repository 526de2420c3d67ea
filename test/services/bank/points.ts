import type { Passing } from './trap.js';

export type Role = 'producer' | 'relay' | 'consumer';

/** What happens at a point. What it does to the connection stands in `act.ts`. */
export type Act =
  /** SIGKILL to the member; nothing more of what it says arrives, nothing more arrives at it. */
  | 'kill'
  /** SIGKILL to the broker, with the request under way to it. */
  | 'kill-broker'
  /** The same a moment later, when it has done what it was asked. */
  | 'kill-broker-soon'
  /** SIGKILL to the broker, which has answered, but nobody has heard it. */
  | 'silence-broker'
  /** The connection breaks. */
  | 'cut'
  /** The server ends the session: `pg_terminate_backend`. */
  | 'terminate'
  /** Every relay loses the session that it listens with, and the producer dies: nobody is told of what was committed. */
  | 'deafen'
  /** The member stands still without dying, its messages go to another one, and then it goes on. */
  | 'freeze'
  /** The database crashes and comes up again. */
  | 'crash-database';

/** A named moment at which something dies or breaks. */
export interface Point {
  readonly name: string;
  readonly on: 'postgres' | 'broker';
  readonly who: Role;
  readonly what: RegExp;
  readonly way: Passing['way'];
  readonly act: Act;
  /** What is not there to be interrupted when this is left out. */
  readonly needs?: 'inbox' | 'outbox';
}

const BEGIN = /^\s*begin/i;
const COMMIT = /^\s*commit/i;
const INBOX = /insert\s+into\s+"?nestmq_inbox/i;
const OUTBOX = /insert\s+into\s+"?nestmq_outbox/i;
const CLAIM = /nestmq_outbox_lane[^]*skip locked/i;
const TAKEN = /update nestmq_outbox_lane set owner = \$1/i;
const SENT = /update nestmq_outbox set sent_at/i;
const DEBIT = /update accounts/i;
const CREDIT = /update accounts/i;
const SEND = /^SEND_(?:BATCH_)?MESSAGE/;
const PULL = /^PULL_MESSAGE/;
const OFFSET = /^UPDATE_CONSUMER_OFFSET/;

type Row = readonly [
  name: string,
  on: Point['on'],
  who: Role,
  way: Point['way'],
  what: RegExp,
  act: Act,
  needs?: Point['needs'],
];

const ROWS: readonly Row[] = [
  ['producer: after the debit', 'postgres', 'producer', 'answer', DEBIT, 'kill'],
  ['producer: after the row of the outbox', 'postgres', 'producer', 'answer', OUTBOX, 'kill', 'outbox'],
  ['producer: before the commit', 'postgres', 'producer', 'request', COMMIT, 'kill'],
  ['producer: after the commit', 'postgres', 'producer', 'answer', COMMIT, 'kill'],
  ['producer: after the commit, the relay deaf', 'postgres', 'producer', 'answer', COMMIT, 'deafen', 'outbox'],
  ['producer: cut between commit and answer', 'postgres', 'producer', 'answer', COMMIT, 'cut'],
  ['producer: session ended before the commit', 'postgres', 'producer', 'request', COMMIT, 'terminate'],
  ['relay: in the claim', 'postgres', 'relay', 'answer', CLAIM, 'kill', 'outbox'],
  ['relay: after the claim', 'postgres', 'relay', 'answer', TAKEN, 'kill', 'outbox'],
  ['relay: before the send', 'broker', 'relay', 'request', SEND, 'kill', 'outbox'],
  ['relay: after the send, before the answer', 'broker', 'relay', 'answer', SEND, 'kill', 'outbox'],
  ['relay: after the send, before the mark', 'postgres', 'relay', 'request', SENT, 'kill', 'outbox'],
  ['relay: after the mark', 'postgres', 'relay', 'answer', SENT, 'kill', 'outbox'],
  ['relay: cut between mark and answer', 'postgres', 'relay', 'answer', SENT, 'cut', 'outbox'],
  ['relay: cut from the broker before the answer', 'broker', 'relay', 'answer', SEND, 'cut', 'outbox'],
  ['broker: while it is sent to', 'broker', 'relay', 'request', SEND, 'kill-broker', 'outbox'],
  ['broker: after the sync, before the answer', 'broker', 'relay', 'answer', SEND, 'silence-broker', 'outbox'],
  ['broker: while it is pulled from', 'broker', 'consumer', 'answer', PULL, 'silence-broker'],
  ['broker: before the offset is stored', 'broker', 'consumer', 'request', OFFSET, 'kill-broker'],
  ['broker: after the offset is stored', 'broker', 'consumer', 'request', OFFSET, 'kill-broker-soon'],
  ['consumer: after the pull', 'broker', 'consumer', 'answer', PULL, 'kill'],
  ['consumer: before the transaction', 'postgres', 'consumer', 'request', BEGIN, 'kill'],
  ['consumer: after the begin', 'postgres', 'consumer', 'answer', BEGIN, 'kill'],
  ['consumer: after the row of the inbox', 'postgres', 'consumer', 'answer', INBOX, 'kill', 'inbox'],
  ['consumer: after the credit', 'postgres', 'consumer', 'answer', CREDIT, 'kill'],
  ['consumer: before the commit', 'postgres', 'consumer', 'request', COMMIT, 'kill'],
  ['consumer: after the commit', 'postgres', 'consumer', 'answer', COMMIT, 'kill'],
  ['consumer: before the offset is stored', 'broker', 'consumer', 'request', OFFSET, 'kill'],
  ['consumer: cut between commit and answer', 'postgres', 'consumer', 'answer', COMMIT, 'cut'],
  ['consumer: session ended before the commit', 'postgres', 'consumer', 'request', COMMIT, 'terminate'],
  ['consumer: cut from the broker with the offset', 'broker', 'consumer', 'request', OFFSET, 'cut'],
  ['consumer: stands still in the transaction', 'postgres', 'consumer', 'answer', CREDIT, 'freeze'],
  ['database: crashes at the commit of a consumer', 'postgres', 'consumer', 'request', COMMIT, 'crash-database'],
  ['database: crashes after the commit of a consumer', 'postgres', 'consumer', 'answer', COMMIT, 'crash-database'],
];

export const POINTS: readonly Point[] = ROWS.map(([name, on, who, way, what, act, needs]) => ({
  ...{ name, on, who, way, what, act },
  ...(needs !== undefined && { needs }),
}));
