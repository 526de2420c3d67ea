import type { ConsumerState } from '../../client/index.js';
import type { IdempotencyReport } from '../../idempotency/index.js';
import type { HostHealth } from '../../server/index.js';
import type { ConnectionReport } from '../connection/connection-report.js';
import type { OutboxReport } from '../outbox/index.js';
import { METRICS, type MetricDefinition } from './metric-table.js';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** The values of all metrics at one moment. What has the same labels is added up. */
export class Samples {
  private readonly byMetric = new Map<MetricDefinition, Map<string, Sample>>();

  /** Of the brokers inside, by connection. */
  readonly flushes = new Map<string, HostHealth['store']['flushes']>();

  constructor(private readonly topicLabel: (topic: string) => string) {}

  of(metric: MetricDefinition): Iterable<Sample> {
    return this.byMetric.get(metric)?.values() ?? [];
  }

  add(report: ConnectionReport, now: number): void {
    const connection = report.name;
    this.put(METRICS.up, { connection }, report.problem === undefined ? 1 : 0);
    this.addCounters(report);
    for (const [name, { sent, failed, oneWay }] of report.sends) {
      const topic = this.topicLabel(name);
      this.put(METRICS.sent, { connection, topic, status: 'ok' }, sent);
      this.put(METRICS.sent, { connection, topic, status: 'failed' }, failed);
      this.put(METRICS.sent, { connection, topic, status: 'oneway' }, oneWay);
    }
    for (const group of report.groups) this.addGroup(connection, group);
    for (const { group, topics } of report.lags ?? []) {
      for (const { topic: name, messages, oldestStoredAt } of topics) {
        const topic = this.topicLabel(name);
        this.put(METRICS.lag, { connection, topic, group }, messages);
        const age = oldestStoredAt === undefined ? 0 : Math.max(0, now - oldestStoredAt) / 1000;
        this.put(METRICS.lagSeconds, { connection, topic, group }, age, Math.max);
      }
    }
    for (const listener of report.idempotency) this.addIdempotency(connection, listener);
    if (report.outbox !== undefined) this.addOutbox(connection, report.outbox);
    if (report.sharing !== undefined) {
      this.put(METRICS.brokerHosted, { connection }, report.sharing.role === 'host' ? 1 : 0);
      this.put(METRICS.brokerJoined, { connection }, report.sharing.joined.length);
    }
    if (report.restarts !== undefined) this.put(METRICS.brokerRestarts, { connection }, report.restarts);
    if (report.host !== undefined) this.addHost(connection, report.host);
  }

  private addCounters({ name: connection, counters }: ConnectionReport): void {
    if (counters === undefined) return;
    this.put(METRICS.sendRetries, { connection }, counters.sendRetried);
    this.put(METRICS.filtered, { connection }, counters.filtered);
    this.put(METRICS.processKillers, { connection }, counters.processKillers);
    this.put(METRICS.sendBackFailures, { connection }, counters.sendBackFailed);
    this.put(METRICS.pulls, { connection }, counters.pulls);
    this.put(METRICS.pullFailures, { connection }, counters.pullFailed);
    this.put(METRICS.rebalances, { connection }, counters.rebalances);
    this.put(METRICS.heartbeatFailures, { connection }, counters.heartbeatFailed);
  }

  private addGroup(
    connection: string,
    { group, mode: name, listeners, queues, inFlight, paused, suspendedListeners }: ConsumerState,
  ): void {
    const mode = name.toLowerCase();
    const buffered = queues.reduce((sum, queue) => sum + queue.buffered, 0);
    this.put(METRICS.inFlight, { connection, group, mode }, inFlight);
    this.put(METRICS.buffered, { connection, group, mode }, buffered);
    this.put(METRICS.queues, { connection, group, mode }, queues.length);
    this.put(METRICS.paused, { connection, group, mode }, paused ? 1 : 0);
    this.put(METRICS.suspended, { connection, group, mode }, suspendedListeners.length);
    for (const { topic: name, counts } of listeners) {
      const topic = this.topicLabel(name);
      const { acknowledged, retried, deadLettered, failed, postponed } = counts;
      const statuses = { acknowledged, retried, dead_lettered: deadLettered, failed, postponed };
      for (const [status, count] of Object.entries(statuses)) {
        this.put(METRICS.consumed, { connection, topic, group, mode, status }, count);
      }
      this.put(METRICS.retried, { connection, topic, group }, retried);
      this.put(METRICS.deadLettered, { connection, topic, group }, deadLettered);
    }
  }

  private addIdempotency(connection: string, report: IdempotencyReport): void {
    const { group, listener, store, counts, unprotected, storeDownSince } = report;
    const labels = { connection, group, listener, store };
    for (const [outcome, count] of Object.entries(counts)) {
      this.put(METRICS.idempotent, { ...labels, outcome: outcome.replace('-', '_') }, count);
    }
    this.put(METRICS.unprotected, labels, unprotected);
    this.put(METRICS.idempotencyStore, labels, storeDownSince === undefined ? 1 : 0);
  }

  private addOutbox(connection: string, { status, counters }: OutboxReport): void {
    if (status !== undefined) {
      this.put(METRICS.outboxWaiting, { connection }, status.waiting);
      this.put(METRICS.outboxFailed, { connection }, status.failed);
      this.put(METRICS.outboxAge, { connection }, status.oldestAgeMillis / 1000, Math.max);
    }
    if (counters === undefined) return;
    this.put(METRICS.outboxSent, { connection }, counters.sent);
    this.put(METRICS.outboxResent, { connection }, counters.resent);
    this.put(METRICS.outboxRetries, { connection }, counters.retried);
    this.put(METRICS.outboxTakenOver, { connection }, counters.lanesTakenOver);
  }

  private addHost(connection: string, { store, broker, connections }: HostHealth): void {
    this.flushes.set(connection, store.flushes);
    this.put(METRICS.brokerPut, { connection }, broker.messagesIn);
    this.put(METRICS.brokerGet, { connection }, broker.messagesOut);
    this.put(METRICS.brokerDeadLetters, { connection }, broker.deadLetters);
    this.put(METRICS.brokerBytes, { connection }, store.appendOffset);
    this.put(METRICS.brokerDelayed, { connection }, broker.delayedMessages);
    this.put(METRICS.brokerHalf, { connection }, broker.openTransactions);
    this.put(METRICS.brokerHeld, { connection }, broker.heldPulls);
    this.put(METRICS.brokerClients, { connection }, connections);
    this.put(METRICS.brokerGroups, { connection }, broker.consumerGroups);
    this.put(METRICS.brokerDisk, { connection }, store.diskUsedRatio);
    this.put(METRICS.brokerRefuses, { connection }, store.state !== 'open' || store.diskFull ? 1 : 0);
    this.put(METRICS.brokerDamaged, { connection }, store.damagedRecords);
  }

  private put(
    metric: MetricDefinition,
    labels: Labels,
    value: number,
    merge: (a: number, b: number) => number = (a, b) => a + b,
  ): void {
    let samples = this.byMetric.get(metric);
    if (samples === undefined) this.byMetric.set(metric, (samples = new Map()));
    const key = JSON.stringify(labels);
    const before = samples.get(key);
    samples.set(key, [labels, before === undefined ? value : merge(before[1], value)]);
  }
}
