import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../support/index.js';
import type { BrokerTap } from './broker-tap.js';
import type { Member } from './fleet.js';
import type { Act } from './points.js';
import type { Passing, Verdict } from './trap.js';

const FROZEN_MILLIS = 2_000;
const SOON_MILLIS = 30;

/** What a point may lay its hands on. */
export interface Reach {
  readonly members: ReadonlyMap<string, Member>;
  readonly broker: Member;
  readonly brokerTap: BrokerTap;
  readonly postgres: Service;
  /** Runs a statement past the tap, as an administrator. */
  order(statement: string, values?: readonly unknown[]): Promise<void>;
}

/** Does it; the verdict is for what was passing. */
export const ACTS: Record<Act, (passing: Passing, reach: Reach) => Verdict | Promise<Verdict>> = {
  kill({ who }, { members }) {
    members.get(who)?.kill();
    return 'drop';
  },
  'kill-broker'(_passing, { broker }) {
    // After what is passing has been written to its socket.
    setImmediate(() => broker.kill());
    return 'pass';
  },
  'kill-broker-soon'(_passing, { broker }) {
    setTimeout(() => broker.kill(), SOON_MILLIS);
    return 'pass';
  },
  'silence-broker'(_passing, { broker }) {
    broker.kill();
    return 'drop';
  },
  cut: () => 'drop',
  async terminate({ backend }, { order }): Promise<Verdict> {
    await order('SELECT pg_terminate_backend($1)', [backend]);
    return 'pass';
  },
  async deafen({ who }, { members, order }): Promise<Verdict> {
    members.get(who)?.kill();
    await order(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name LIKE 'relay-%' AND query ILIKE 'listen%'`,
    );
    return 'drop';
  },
  freeze({ who }, { members, brokerTap }) {
    const member = members.get(who);
    member?.signal('SIGSTOP');
    brokerTap.cut(new RegExp(`^${who}$`));
    void sleep(FROZEN_MILLIS).then(() => member?.signal('SIGCONT'));
    return 'pass';
  },
  async 'crash-database'(_passing, { postgres }): Promise<Verdict> {
    await postgres.kill();
    await postgres.restart();
    return 'drop';
  },
};
