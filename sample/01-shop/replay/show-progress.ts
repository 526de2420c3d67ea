import type { INestApplication } from '@nestjs/common';
import { Ledger } from '../billing/ledger.js';
import { ReplayService } from './replay.service.js';

/** Prints a line for every tenth of the replay, and one each second while it takes longer. Returns how to stop it. */
export function showProgress(app: INestApplication): () => void {
  const replay = app.get(ReplayService);
  const { summary } = app.get(Ledger);
  let shown = -10;
  let shownAt = 0;
  const show = () => {
    const percent = Math.floor((100 * summary.invoices.size) / replay.orders);
    if (percent < shown + 10 && !(percent > shown && performance.now() - shownAt > 1000)) return;
    shown = percent;
    shownAt = performance.now();
    console.log(
      `progress  ${String(percent).padStart(3)} %  ${replay.sent} orders sent, ${summary.invoices.size} booked, ${summary.parcels} parcels`,
    );
  };
  const timer = setInterval(show, 50);
  return () => {
    clearInterval(timer);
    show();
    console.log('');
  };
}
