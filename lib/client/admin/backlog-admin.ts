import type { AdminCalls } from './admin-calls.js';

/** @publicApi */
export class BacklogAdmin {
  constructor(protected readonly calls: AdminCalls) {}
}
