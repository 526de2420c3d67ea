import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from '../../../lib/client/index.js';
import type { SqlAdapter } from '../../../lib/idempotency/index.js';
import { decodeRow } from '../../../lib/idempotency/outbox/outbox-row.js';

/**
 * The relay that everybody writes first: the oldest rows that nobody else has, each with a lock of its own. Two of them take
 * rows of one key side by side, and the second to be written may be the first to be sent.
 */
export async function relayRowByRow(adapter: SqlAdapter, producer: Producer): Promise<never> {
  for (;;) {
    const sent = await adapter.transaction(async (transaction) => {
      const query = adapter.within(transaction);
      const { rows } = await query(
        'SELECT seq, id, lane, topic, order_key, headers, body, attempts FROM nestmq_outbox ' +
          'WHERE sent_at IS NULL ORDER BY seq LIMIT 50 FOR UPDATE SKIP LOCKED',
        [],
      );
      const claimed = rows.map(decodeRow);
      for (const { message } of claimed) await producer.send(message);
      const seqs = claimed.map(({ seq }) => seq).join(', ');
      if (claimed.length > 0) await query(`UPDATE nestmq_outbox SET sent_at = 1 WHERE seq IN (${seqs})`, []);
      return claimed.length;
    });
    if (sent === 0) await sleep(20);
  }
}
