import { setTimeout as sleep } from 'node:timers/promises';
import type { Findings, Ground } from './ground.js';
import { CONCURRENCY, LEASE_MILLIS, type Phase, ZOMBIE_CONCURRENCY } from './plan.js';

export interface Show {
  readonly messages: number;
  run(ground: Ground, messages: number): Promise<void>;
  /** What is not as it must be. */
  wrong(findings: Findings): string[];
}

const require = (findings: Findings, ...demands: readonly [boolean, string][]): string[] => [
  ...(findings.missing > 0 ? [`${findings.missing} had no effect`] : []),
  ...demands.filter(([holds]) => !holds).map(([, what]) => what),
];
const once = ({ repeated }: Findings): [boolean, string] => [repeated === 0, `${repeated} had more than one effect`];

export const SHOWS: Readonly<Record<Phase, Show>> = {
  /** Both race; everything comes again twice, a consumer leaves and returns, Redis is killed and restarted. */
  race: {
    messages: 50_000,
    async run(ground, messages) {
      const [a] = ground.contestants;
      const sending = ground.send('race', messages);
      await ground.until('race', messages * 0.1);
      await ground.redeliver('race');
      await ground.until('race', messages * 0.2);
      await a.end('SIGTERM');
      await ground.until('race', messages * 0.25);
      await a.start();
      await ground.until('race', messages * 0.3);
      await ground.store.kill();
      await sleep(1_500);
      await ground.store.restart();
      await ground.until('race', messages * 0.4);
      await ground.redeliver('race');
      await sending;
      await ground.until('race', messages);
      await ground.drained('race');
    },
    wrong: (findings) =>
      require(findings, once(findings), [findings.deliveries > findings.messages * 2, 'little came again'], [
        findings.toBoth > findings.messages / 2,
        'few came to both',
      ], [(findings.counts.busy ?? 0) > 0, 'none came to both at the same time'], [
        (findings.counts['store-error'] ?? 0) > 0,
        'nobody noticed that Redis was away',
      ]),
  },
  /** One stands still in the middle of its handlers, for longer than its leases, and wants to complete late. */
  zombies: {
    messages: 48,
    async run(ground, messages) {
      const [zombie] = ground.contestants;
      await ground.send('zombies', messages);
      while (zombie.begun.length < ZOMBIE_CONCURRENCY) await sleep(10);
      zombie.send('SIGSTOP');
      await sleep(LEASE_MILLIS + 1_000);
      const before = await ground.handled('zombies');
      await ground.until('zombies', Math.min(messages, before + ZOMBIE_CONCURRENCY * 2));
      zombie.send('SIGCONT');
      await ground.until('zombies', messages);
      await ground.drained('zombies');
    },
    wrong: (findings) =>
      require(findings, once(findings), [(findings.counts['lost-lease'] ?? 0) > 0, 'no zombie was noticed']),
  },
  /** Killed at any moment: what stood between its effect and its mark happens twice, nothing else does. */
  deaths: {
    messages: 5_000,
    async run(ground, messages) {
      const [a] = ground.contestants;
      const sending = ground.send('deaths', messages);
      await ground.until('deaths', messages * 0.4);
      await a.end('SIGKILL');
      await a.start();
      await sending;
      await ground.until('deaths', messages);
      await ground.drained('deaths');
    },
    wrong: (findings) =>
      require(findings, [
        findings.repeated <= CONCURRENCY,
        `${findings.repeated} had more than one effect, more than were at work`,
      ]),
  },
  /** The control of the marks: without a disk Redis has none after a restart. */
  forgetful: {
    messages: 2_000,
    async run(ground, messages) {
      await ground.send('forgetful', messages);
      await ground.until('forgetful', messages);
      await ground.drained('forgetful');
      await ground.forgetful.restart();
      await ground.redeliver('forgetful');
      await ground.drained('forgetful');
    },
    wrong: (findings) => require(findings, [findings.repeated > 0, 'lost marks were not seen']),
  },
  /** The control of it all: without marks. */
  control: {
    messages: 2_000,
    async run(ground, messages) {
      await ground.send('control', messages);
      await ground.until('control', messages);
      await ground.drained('control');
    },
    wrong: (findings) => require(findings, [findings.repeated === findings.messages, 'duplicates were not seen']),
  },
};
