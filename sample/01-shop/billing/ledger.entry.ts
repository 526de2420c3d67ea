/** What the shop has booked. `key` names the fact: the same fact is booked once, however often its message comes. */
export type LedgerEntry =
  | { kind: 'line'; key: string; day: string; invoice: string; customer: string; at: string; amount: number }
  | { kind: 'quote'; key: string; day: string; invoice: string; amount: number }
  | { kind: 'parcel'; key: string; day: string; invoice: string }
  | { kind: 'payment-due'; key: string; day: string; invoice: string }
  | { kind: 'dead-letter'; key: string; group: string; reason: string; attempts: number };

/** In the file also: a message came again, and brought nothing new. */
export type LedgerRecord = LedgerEntry | { kind: 'again'; key: string };
