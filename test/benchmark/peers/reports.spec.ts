import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const load = (name: string) => import(pathToFileURL(join(process.cwd(), 'test/benchmark/peers', name)).href);
interface Measured {
  perSecond: number;
}
const { RocketMQ } = (await load('rocketmq/rocketmq.js')) as {
  RocketMQ: new (broker: object, benchmark: object, flush: string) => { receive(spec: object): Promise<Measured[]> };
};
const { window } = (await load('kafka/tools.js')) as { window(bytes: number, inFlight: number): string[] };
const { canSync } = (await load('nats/index.js')) as { canSync(version: string): boolean };
const { PEERS } = (await load('index.js')) as {
  PEERS: {
    id: string;
    main: boolean;
    load(): Promise<{ name: string; missing(): string | undefined; open(): void }>;
  }[];
};

const { missingOf, missingPackages } = (await load('support/facts.js')) as {
  missingOf(...lacking: (string | undefined)[]): string | undefined;
  missingPackages(...packages: string[]): string | undefined;
};

describe('what the programs of the peers are asked for and answer', () => {
  /** A receiver of so many a second, over a backlog that lasts as long as it was made for. */
  function receiving(perSecond: number) {
    const asked: number[] = [];
    let stored = 0;
    let backlog = 0;
    const broker = {
      classPath: '',
      configuration: '',
      stored: async () => stored,
      begin: async (count: number) => asked.push((backlog = count)),
      waiting: async () => Math.max(0, backlog - perSecond * 14),
    };
    const benchmark = {
      fill: async (_: number, count: number) => (stored = count),
      measure: async () => [{ perSecond: Math.min(perSecond, backlog / 14) }],
    };
    return { server: new RocketMQ(broker, benchmark, 'SYNC_FLUSH'), asked };
  }

  it('measures a receiver again whose backlog was over too early', async () => {
    const spec = { seconds: 2, warmUpSeconds: 5, windows: 4, bytes: 1024 };
    const { server, asked } = receiving(150_000);
    expect(await server.receive(spec)).toEqual([{ perSecond: 150_000 }]);
    expect(asked).toEqual([80_000 * 16, 160_000 * 16]);
    expect(await server.receive(spec)).toEqual([{ perSecond: 150_000 }]);
    expect(asked).toHaveLength(3);
    await expect(receiving(10_000_000).server.receive(spec)).rejects.toThrow('too early 3 times');
  });

  it('gives a Kafka producer the memory of what is in flight', () => {
    expect(window(1024, 1000)).toEqual([`buffer.memory=${67 * 16_384}`]);
    expect(window(1024, 1)).toEqual(['batch.size=0', 'linger.ms=0', 'buffer.memory=1117']);
    expect(window(65_536, 10)).toEqual([`buffer.memory=${10 * (65_536 + 93)}`]);
  });

  it('knows from which version on NATS syncs', () => {
    expect(['2.9.10', '2.10.0', '2.12.1', '3.0.0'].map(canSync)).toEqual([false, true, true, true]);
  });

  it('names what is missing', () => {
    expect(missingPackages('ioredis', 'no-such-package')).toBe('the package no-such-package (npm ci)');
    expect(missingPackages('ioredis')).toBeUndefined();
    expect(missingOf(undefined, 'a server', undefined, 'a package')).toBe('a server, a package');
    expect(missingOf(undefined)).toBeUndefined();
  });

  it('has peers with names of their own', async () => {
    const peers = [];
    for (const { load: of } of PEERS) peers.push(await of());
    expect(new Set(PEERS.map(({ id }) => id)).size).toBe(PEERS.length);
    expect(new Set(peers.map(({ name }) => name)).size).toBe(PEERS.length);
    for (const peer of peers) expect(typeof peer.open).toBe('function');
  });
});
