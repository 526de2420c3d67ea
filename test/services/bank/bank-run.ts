import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { MessagingClient } from '../../../lib/client/index.js';
import { schema } from '../../../lib/idempotency/index.js';
import { SeededRandom, silentLogger, systemPlatform } from '../../../lib/platform/index.js';
import { TcpConnector } from '../../../lib/remoting/index.js';
import { freePort } from '../../support/free-port.js';
import type { Service } from '../support/index.js';
import { type Reach } from './act.js';
import { BrokerTap } from './broker-tap.js';
import { type Counts, Load } from './load.js';
import { Executioner } from './executioner.js';
import { Member } from './fleet.js';
import { type Findings, judge, openBank } from './ledger.js';
import { TRANSFERS, URGENT } from './plan.js';
import { POINTS } from './points.js';
import { PostgresTap } from './postgres-tap.js';
import type { MemberSettings } from './processes/member.js';

const PRODUCERS = 2;
const RELAYS = 2;
const CONSUMERS = 3;
const QUEUES = 6;
/** Without any progress for so long it is over, and what is missing is lost. */
const PATIENCE_MILLIS = 120_000;
const GROUPS = ['bank', 'bank-urgent'];

export interface RunOptions {
  readonly transfers: number;
  readonly without: MemberSettings['without'];
  readonly seed: number;
  readonly postgres: Service;
  /** Only the points of these names. Default: all. */
  readonly points?: RegExp;
  log(line: string): void;
}

export interface RunResult {
  readonly findings: Findings;
  readonly counts: Counts;
  /** Named points that never came. */
  readonly missed: readonly string[];
  readonly points: number;
  readonly deaths: Readonly<Record<string, number>>;
  readonly cuts: number;
  /** Starts of members that failed while the broker was down, and were made again. */
  readonly failedStarts: number;
  /** Sent again with the idempotency of the first: after three deaths with the same messages the broker suspects them. */
  readonly deadLetters: number;
  /** Members that ended by themselves, and what they said. */
  readonly failures: readonly string[];
  readonly seconds: { readonly load: number; readonly drain: number };
}

/** The whole bank for one run: database, broker and members, with taps in between. */
export class BankRun {
  private readonly members = new Map<string, Member>();
  private readonly failures: string[] = [];
  private deadLetters = 0;
  private readonly platform = systemPlatform({ logger: silentLogger });

  constructor(private readonly options: RunOptions) {}

  async run(): Promise<RunResult> {
    const { postgres, without, transfers } = this.options;
    const folder = await mkdtemp(join(tmpdir(), 'nestmq-bank-'));
    const brokerPort = await freePort();
    const database = new PostgresTap(postgres.port);
    const brokerTap = new BrokerTap(
      () => brokerPort,
      (port) => [...this.members.values()].find(({ ports }) => ports.has(port))?.post.name,
    );
    const url = new URL(postgres.url);
    url.port = String(await database.listen());
    const nameServer = `127.0.0.1:${await brokerTap.listen()}`;
    const broker = new Member(
      { name: 'broker', ...brokerProgram(join(folder, 'store'), brokerPort, nameServer) },
      (why) => this.failures.push(why),
    );
    try {
      await this.prepare();
      await broker.ready();
      this.startMembers({ nameServer, database: url.href, without });
      await Promise.all([...this.members.values()].map((member) => member.ready()));

      const reach: Reach = {
        members: this.members,
        broker,
        brokerTap,
        postgres,
        order: (...said) => this.order(...said),
      };
      const points = POINTS.filter(
        ({ name, needs, act }) =>
          (needs === undefined || needs !== without) &&
          (act !== 'crash-database' || postgres.own) &&
          (this.options.points?.test(name) ?? true),
      );
      const random = new SeededRandom(this.options.seed);
      const executioner = new Executioner(points, reach, database, random, this.options.log);
      const producers = [...this.members].filter(([name]) => name.startsWith('producer-')).map(([, member]) => member);
      const load = new Load(transfers, producers, executioner, () => this.connect());
      const began = performance.now();
      const working = executioner.work();
      await load.release();
      const released = performance.now();
      executioner.rest();
      await working;
      await this.drain(load, brokerPort);
      const client = await this.connect();
      const findings = await judge(client, transfers);
      const counts = await load.count();
      await client.end();
      return {
        findings,
        counts,
        missed: executioner.missed(),
        points: points.length,
        deaths: this.deaths(broker),
        cuts: executioner.cuts,
        failedStarts: [...this.members.values()].reduce((sum, { failedStarts }) => sum + failedStarts, 0),
        deadLetters: this.deadLetters,
        failures: this.failures,
        seconds: { load: (released - began) / 1000, drain: (performance.now() - released) / 1000 },
      };
    } finally {
      await Promise.all([...this.members.values(), broker].map((member) => member.end()));
      await Promise.all([database.close(), brokerTap.close()]);
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async prepare(): Promise<void> {
    const client = await this.connect();
    await client.query('DROP SCHEMA public CASCADE');
    await client.query('CREATE SCHEMA public');
    for (const statement of schema('postgres')) await client.query(statement);
    await openBank(client);
    await client.end();
  }

  private startMembers(settings: Pick<MemberSettings, 'nameServer' | 'database' | 'without'>): void {
    const roles = { producer: PRODUCERS, consumer: CONSUMERS, ...(settings.without !== 'outbox' && { relay: RELAYS }) };
    for (const [role, of] of Object.entries(roles)) {
      for (let index = 0; index < of; index++) {
        const name = `${role}-${index}`;
        const args = [JSON.stringify({ name, index, of, ...settings } satisfies MemberSettings)];
        const program = programOf(role);
        this.members.set(name, new Member({ name, program, args }, (why) => this.failures.push(why)));
      }
    }
  }

  /** Until all is booked and the broker holds nothing more for the groups, or nothing goes on any more. */
  private async drain(load: Load, brokerPort: number): Promise<void> {
    const connector = new TcpConnector({ connectTimeout: 500 }, this.platform.clock, this.platform.logger);
    const nameServers = [`127.0.0.1:${brokerPort}`];
    const client = new MessagingClient({ application: 'judge', nameServers, connector }, this.platform);
    await client.start();
    try {
      let before = '';
      let since = performance.now();
      while (performance.now() - since < PATIENCE_MILLIS) {
        const counts = await load.count();
        const lags = await Promise.all(GROUPS.map((group) => client.admin.groups.lag(group, { ages: false }))).catch(
          () => undefined,
        );
        const lag = lags?.reduce((sum, { lag }) => sum + lag, 0);
        // Twice is twice: this control has shown what it is for.
        if (
          this.options.without === 'inbox' &&
          counts.booked === this.options.transfers &&
          counts.bookings > counts.booked
        )
          return;
        if (lag === 0 && counts.waiting === 0 && counts.ordered === this.options.transfers) {
          if (await this.resendDeadLetters(client)) continue;
          // Without the outbox some never come; what is in a handler is settled a moment before it is out of the lag.
          if (counts.booked === counts.ordered || this.options.without === 'outbox') return;
        }
        const now = JSON.stringify([counts, lag]);
        if (now !== before) {
          since = performance.now();
          this.options.log(`  ${now}`);
        }
        before = now;
        await sleep(200);
      }
    } finally {
      await client.shutdown(500);
    }
  }

  /** As an operator would when all is well again; says whether there were any. */
  private async resendDeadLetters({ admin }: MessagingClient): Promise<boolean> {
    let resent = 0;
    for (const group of GROUPS) {
      const report = await admin.deadLetters.resendAll(group, {}, { keepIdempotency: true });
      resent += report.resent;
    }
    this.deadLetters += resent;
    return resent > 0;
  }

  private async connect(): Promise<pg.Client> {
    for (;;) {
      const client = new pg.Client({ connectionString: this.options.postgres.url, application_name: 'judge' });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return client;
      } catch (error) {
        // Down by order: it comes again.
        if (!this.options.postgres.own) throw error;
        await client.end().catch(() => undefined);
        await sleep(50);
      }
    }
  }

  private async order(statement: string, values: readonly unknown[] = []): Promise<void> {
    const client = await this.connect();
    await client.query(statement, [...values]);
    await client.end();
  }

  private deaths(broker: Member): Record<string, number> {
    const deaths: Record<string, number> = { broker: broker.deaths };
    for (const [name, member] of this.members) {
      const role = name.slice(0, name.indexOf('-'));
      deaths[role] = (deaths[role] ?? 0) + member.deaths;
    }
    return deaths;
  }
}

function programOf(role: string): string {
  return fileURLToPath(new URL(`./processes/${role}.js`, import.meta.url));
}

function brokerProgram(
  store: string,
  port: number,
  advertised: string,
): { program: string; args: string[]; readyLine: RegExp } {
  return {
    program: programOf('broker'),
    args: [
      ...['broker', '--store', store, '--port', String(port), '--advertised-address', advertised],
      ...[TRANSFERS, URGENT].flatMap((topic) => ['--topic', `${topic}:${QUEUES}`]),
      ...['--segment-bytes', '64m'],
    ],
    readyLine: /listening on/,
  };
}
