import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { type MessagingConnection, MessagingConnections } from '../connection/index.js';
import { type ConnectionReport, reportOn } from '../connection/connection-report.js';
import { assess, type ConnectionHealth, worstOf } from './assess.js';
import { type MessagingHealthOptions, type ResolvedHealthOptions, resolveHealthOptions } from './health-options.js';

interface DeadLetters {
  readonly count: number;
  /** On the monotonic clock, when the count was last seen to rise; undefined when it never was. */
  readonly roseAt: number | undefined;
}

/**
 * Whether messages can be sent and are handled, for `@nestjs/terminus`.
 *
 * `down`: a broker does not answer, or takes nothing because its disk is full or failed. `degraded`: a group is far behind,
 * there are new dead letters, a listener is suspended, or the disk is filling up; terminus answers 200 then.
 *
 * @publicApi
 */
@Injectable()
export class MessagingHealthIndicator {
  private readonly deadLetters = new Map<string, DeadLetters>();

  constructor(
    private readonly connections: MessagingConnections,
    private readonly indicators: HealthIndicatorService,
  ) {}

  /**
   * Never rejects because of a broker.
   *
   * @param key Names the result.
   * @throws MessagingError CONFIGURATION for an option or a connection that is none.
   */
  async isHealthy<const Key extends string>(
    key: Key,
    options: MessagingHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const resolved = resolveHealthOptions(options);
    const chosen =
      resolved.connections?.map((name) => this.connections.get(name, 'MessagingHealthIndicator')) ??
      this.connections.all();
    const checked = await Promise.all(
      chosen.map(async (connection) => [connection.name, await this.check(connection, resolved)] as const),
    );
    const indicator = this.indicators.check(key);
    const data = { connections: Object.fromEntries(checked) };
    switch (worstOf(checked.map(([, health]) => health))) {
      case 'down':
        return indicator.down(data);
      case 'degraded':
        return indicator.degraded(data);
      case 'up':
        return indicator.up(data);
    }
  }

  private async check(connection: MessagingConnection, options: ResolvedHealthOptions): Promise<ConnectionHealth> {
    const report = await reportOn(connection, options.timeout);
    const { clock } = connection;
    return assess(report, options, clock.now(), this.sinceDeadLetter(report, clock.monotonic()));
  }

  /** The client's own and those of the broker inside count the same letters: either of them rising is new ones. */
  private sinceDeadLetter({ name, counters, host }: ConnectionReport, now: number): number | undefined {
    const count = Math.max(counters?.deadLettered ?? 0, host?.broker.deadLetters ?? 0);
    const before = this.deadLetters.get(name) ?? { count: 0, roseAt: undefined };
    const roseAt = count > before.count ? now : before.roseAt;
    this.deadLetters.set(name, { count, roseAt });
    return roseAt === undefined ? undefined : now - roseAt;
  }
}
