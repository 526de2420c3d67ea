import { LIVE_DAY } from '../orders/order.dto.js';
import type { LedgerEntry } from './ledger.entry.js';

export interface BookedInvoice {
  day: string;
  invoice: string;
  customer: string;
  lines: number;
  amount: number;
}

type LineEntry = Extract<LedgerEntry, { kind: 'line' }>;
type DeadLetterEntry = Extract<LedgerEntry, { kind: 'dead-letter' }>;

/** Running totals of the replayed days. Orders that came by HTTP are counted apart. */
export class LedgerSummary {
  readonly invoices = new Map<string, BookedInvoice>();
  readonly deadLetters: DeadLetterEntry[] = [];
  lines = 0;
  amount = 0;
  parcels = 0;
  paymentsDue = 0;
  /** Booked orders that a quote was asked for, and what the quotes came to. */
  quotes = 0;
  quoted = 0;
  liveLines = 0;
  /** Invoices booked after a later one of the same customer. */
  outOfOrder = 0;
  private readonly lastOrderAt = new Map<string, string>();

  add(entry: LedgerEntry): void {
    if (entry.kind === 'dead-letter') this.deadLetters.push(entry);
    else if (entry.day === LIVE_DAY) this.liveLines += entry.kind === 'line' ? 1 : 0;
    else if (entry.kind === 'parcel') this.parcels++;
    else if (entry.kind === 'payment-due') this.paymentsDue++;
    else if (entry.kind === 'quote') {
      this.quotes++;
      this.quoted += entry.amount;
    } else this.addLine(entry);
  }

  private addLine({ day, invoice, customer, at, amount }: LineEntry): void {
    const key = `${day}/${invoice}`;
    let booked = this.invoices.get(key);
    if (booked === undefined) {
      this.invoices.set(key, (booked = { day, invoice, customer, lines: 0, amount: 0 }));
      if (customer !== GUEST) {
        if (at < (this.lastOrderAt.get(customer) ?? '')) this.outOfOrder++;
        this.lastOrderAt.set(customer, at);
      }
    }
    booked.lines++;
    booked.amount += amount;
    this.lines++;
    this.amount += amount;
  }
}

/** Who a guest order is booked to. */
export const GUEST = 'guest';
