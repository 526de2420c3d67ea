import type { SharingHealth } from '../../server/index.js';
import type { ConnectionReport } from '../connection/connection-report.js';
import type { OutboxReport } from '../outbox/index.js';
import type { ResolvedHealthOptions } from './health-options.js';

export type HealthStatus = 'up' | 'degraded' | 'down';

/** What a health check shows of one connection. */
export interface ConnectionHealth {
  readonly status: HealthStatus;
  /** Why it is not up. */
  readonly problems: readonly string[];
  /** Per group, the messages that are stored and not settled. */
  readonly lag: Readonly<Record<string, number>>;
  /** Of a store that processes may share: whether this one hosts the broker, and the process that does. */
  readonly broker?: { readonly role: SharingHealth['role']; readonly pid: number | undefined };
}

/** `sinceDeadLetter`: milliseconds since the last one; undefined for none. */
export function assess(
  report: ConnectionReport,
  options: ResolvedHealthOptions,
  now: number,
  sinceDeadLetter: number | undefined,
): ConnectionHealth {
  const lag: Record<string, number> = {};
  const problems: string[] = [];
  for (const { group, topics } of report.lags ?? []) {
    const messages = topics.reduce((sum, topic) => sum + topic.messages, 0);
    lag[group] = messages;
    if (messages > options.maxLag) problems.push(`group ${group} is ${messages} messages behind`);
    const oldest = Math.min(...topics.map(({ oldestStoredAt = Number.POSITIVE_INFINITY }) => oldestStoredAt));
    if (now - oldest > options.maxLagAge) {
      problems.push(`group ${group} has had a message waiting for ${Math.round((now - oldest) / 1000)} s`);
    }
  }
  for (const { group, suspendedListeners } of report.groups) {
    for (const { name, reason } of suspendedListeners)
      problems.push(`the listener ${name} of the group ${group} takes nothing for a while: ${reason}`);
  }
  for (const { listener, store, storeDownSince } of report.idempotency) {
    if (storeDownSince === undefined) continue;
    const seconds = Math.round((now - storeDownSince) / 1000);
    problems.push(`the idempotency store ${store} of the listener ${listener} has not answered for ${seconds} s`);
  }
  if (sinceDeadLetter !== undefined && sinceDeadLetter < options.deadLetterWindow) {
    problems.push('there are new dead letters');
  }
  problems.push(...outboxProblems(report.outbox, options.maxOutboxAge));
  const store = report.host?.store;
  if (store?.diskTight === true) {
    problems.push(`the disk of the store is ${Math.round(store.diskUsedRatio * 100)} % full`);
  }
  const { sharing } = report;
  const where = sharing === undefined ? {} : { broker: { role: sharing.role, pid: sharing.hostPid } };
  if (report.problem !== undefined) return { status: 'down', problems: [report.problem, ...problems], lag, ...where };
  return { status: problems.length > 0 ? 'degraded' : 'up', problems, lag, ...where };
}

function outboxProblems(outbox: OutboxReport | undefined, maxAge: number): string[] {
  if (outbox === undefined) return [];
  const { status, problem } = outbox;
  if (status === undefined) return [`the outbox cannot be read: ${problem}`];
  const problems: string[] = [];
  if (status.failed > 0) problems.push(`the outbox has messages that cannot be sent: ${status.failed}`);
  if (status.oldestAgeMillis > maxAge) {
    problems.push(`the outbox has had a message waiting for ${Math.round(status.oldestAgeMillis / 1000)} s`);
  }
  return problems;
}

/** The worst of several. */
export function worstOf(all: readonly ConnectionHealth[]): HealthStatus {
  if (all.some(({ status }) => status === 'down')) return 'down';
  return all.some(({ status }) => status === 'degraded') ? 'degraded' : 'up';
}
