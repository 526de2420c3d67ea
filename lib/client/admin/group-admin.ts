import type { AdminCalls } from './admin-calls.js';

/** @publicApi */
export class GroupAdmin {
  constructor(protected readonly calls: AdminCalls) {}
}
