import { inboxTable } from './inbox-table.js';
import { lockTable } from './lock-table.js';
import type { Migration } from './migration.js';
import { outboxTable } from './outbox-table.js';

/** All steps in order, each version one more than that before it. @publicApi */
export const MIGRATIONS: readonly Migration[] = [inboxTable, outboxTable, lockTable];
