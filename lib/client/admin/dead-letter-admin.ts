import type { AdminCalls } from './admin-calls.js';

/** @publicApi */
export class DeadLetterAdmin {
  constructor(protected readonly calls: AdminCalls) {}
}
