import type { Subject } from './behaviour.js';
import { broadcast } from './behaviours/broadcast.js';
import { deduplication } from './behaviours/dedup.js';
import { batchListeners } from './behaviours/batch-listeners.js';
import { batches, delays } from './behaviours/delays.js';
import { finding } from './behaviours/finding.js';
import { expiry } from './behaviours/expiry.js';
import { filters } from './behaviours/filters.js';
import { groups } from './behaviours/groups.js';
import { atMostOnce, consumeTimeouts, keyOrder, rateLimits } from './behaviours/listeners.js';
import { letterAdmin } from './behaviours/letter-admin.js';
import { microservices } from './behaviours/microservices.js';
import { namespaces } from './behaviours/namespaces.js';
import { order } from './behaviours/order.js';
import { positions } from './behaviours/positions.js';
import { pulling } from './behaviours/pulling.js';
import { moving, replay } from './behaviours/replay.js';
import { requests } from './behaviours/requests.js';
import { receiving } from './behaviours/receiving.js';
import { deadLetters, retries } from './behaviours/retries.js';
import { sending } from './behaviours/sending.js';
import { widening } from './behaviours/widening.js';
import { tags } from './behaviours/tags.js';
import { tracing } from './behaviours/tracing.js';
import { transactions } from './behaviours/transactions.js';
import { metrics, traces } from './behaviours/watching.js';

/** The whole contract, in the order of the README. */
export const subjects: readonly Subject[] = [
  sending,
  delays,
  batches,
  deduplication,
  transactions,
  requests,
  receiving,
  tags,
  filters,
  groups,
  retries,
  deadLetters,
  letterAdmin,
  expiry,
  positions,
  finding,
  widening,
  replay,
  tracing,
  moving,
  order,
  broadcast,
  namespaces,
  keyOrder,
  rateLimits,
  atMostOnce,
  pulling,
  consumeTimeouts,
  batchListeners,
  traces,
  metrics,
  microservices,
];
