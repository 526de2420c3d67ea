/** How the messages of a group reach its listeners. */
export enum ConsumeMode {
  /** Shared among the group's members, up to `concurrency` handlers at once, retried one by one. */
  CONCURRENT = 'CONCURRENT',
  /** Shared among the members; each queue strictly in order, a failing message holds its queue. */
  ORDERLY = 'ORDERLY',
  /** Every instance gets every message; failures are logged and counted, never retried. */
  BROADCAST = 'BROADCAST',
}
