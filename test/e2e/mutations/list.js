import { brokerMutations } from './broker.js';
import { clientMutations } from './client.js';
import { dedupMutations } from './dedup.js';
import { findingMutations } from './finding.js';
import { expiryMutations } from './expiry.js';
import { filterMutations } from './filters.js';
import { letterMutations } from './letters.js';
import { listenerMutations } from './listeners.js';
import { microserviceMutations } from './microservices.js';
import { namespaceMutations } from './namespaces.js';
import { nestMutations } from './nest.js';
import { positionMutations } from './positions.js';
import { requestMutations } from './request.js';
import { storeMutations } from './store.js';
import { tracingMutations } from './tracing.js';
import { transactionMutations } from './transaction.js';
import { watchingMutations } from './watching.js';

/**
 * Ways in which the engine could be wrong. Each names one place of the compiled source and what stands there instead.
 */
export const mutations = [
  ...nestMutations,
  ...clientMutations,
  ...brokerMutations,
  ...storeMutations,
  ...transactionMutations,
  ...requestMutations,
  ...listenerMutations,
  ...dedupMutations,
  ...findingMutations,
  ...tracingMutations,
  ...watchingMutations,
  ...positionMutations,
  ...filterMutations,
  ...expiryMutations,
  ...namespaceMutations,
  ...letterMutations,
  ...microserviceMutations,
];
