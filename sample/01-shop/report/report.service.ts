import { rename, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Injectable } from '@nestjs/common';
import { GUEST, type BookedInvoice } from '../billing/ledger-summary.js';
import { Ledger } from '../billing/ledger.js';
import { formatMoney } from '../money.js';
import { OrderBook } from '../orders/order-book.js';
import { ReplayProgress } from '../replay/replay-progress.js';
import { ReplayService } from '../replay/replay.service.js';
import { ShopSettings } from '../settings.js';
import type { Report } from './report.js';

@Injectable()
export class ReportService {
  constructor(
    private readonly settings: ShopSettings,
    private readonly ledger: Ledger,
    private readonly replay: ReplayService,
    private readonly progress: ReplayProgress,
    private readonly book: OrderBook,
  ) {}

  report(): Report {
    const { summary, redeliveries, bookedTwice } = this.ledger;
    const invoices = [...summary.invoices.values()];
    const isCancelled = ({ invoice }: BookedInvoice) => invoice.startsWith('C');
    return {
      csv: basename(this.settings.csv),
      days: this.replay.days,
      complete: this.replay.finished,
      taken: this.book.taken,
      invoices: invoices.length,
      cancellations: invoices.filter(isCancelled).length,
      guestOrders: invoices.filter((booked) => booked.customer === GUEST && !isCancelled(booked)).length,
      lines: summary.lines,
      revenue: formatMoney(summary.amount),
      parcels: summary.parcels,
      paymentsDue: summary.paymentsDue,
      quotes: summary.quotes,
      quoted: formatMoney(summary.quoted),
      redeliveries,
      bookedTwice,
      outOfOrder: summary.outOfOrder,
      deadLetters: this.deadLetters(),
      throughput: this.progress.finished && {
        messages: this.progress.finished.messages,
        seconds: this.progress.finished.seconds,
      },
      liveLines: summary.liveLines,
    };
  }

  /** Writes the report with every booked invoice for check.js; the path it returns is never half written. */
  async write(): Promise<string> {
    const path = this.settings.path('report.json');
    const booked = [...this.ledger.summary.invoices.values()].map(({ amount, ...rest }) => ({
      ...rest,
      amount: formatMoney(amount),
    }));
    await writeFile(`${path}.new`, JSON.stringify({ ...this.report(), booked }));
    await rename(`${path}.new`, path);
    return path;
  }

  private deadLetters(): Report['deadLetters'] {
    const counted = new Map<string, Report['deadLetters'][number]>();
    for (const { group, reason, attempts } of this.ledger.summary.deadLetters) {
      const key = JSON.stringify([group, reason, attempts]);
      const known = counted.get(key);
      if (known) known.count++;
      else counted.set(key, { group, reason, attempts, count: 1 });
    }
    return [...counted.values()].toSorted((a, b) => a.group.localeCompare(b.group));
  }
}
