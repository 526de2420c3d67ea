import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Plan {
  windows: number;
  seconds: number;
  warmUpSeconds: number;
}
interface Row {
  name: string;
  tags: string[];
  plan: Plan;
  quick: Plan;
  onlyBesidePeers?: boolean;
  server?: unknown;
  call?: string;
  figures?: { key: string; lessIsBetter?: boolean }[];
}
type Summary = Record<string, { median: number; min: number; max: number; runs: number }>;
interface Peer {
  id: string;
  main: boolean;
  load(): Promise<{ name: string; missing(): string | undefined }>;
}

const load = (path: string): Promise<unknown> =>
  import(pathToFileURL(join(process.cwd(), 'test/benchmark', path)).href);
const { ROWS } = (await load('rows/index.js')) as { ROWS: Row[] };
const { COMPARISONS, compareResults, turnsOf } = (await load('rows/compare.js')) as {
  COMPARISONS: Row[];
  compareResults(row: Partial<Row>, results: unknown[]): { ours: string; theirs: string; verdict: string }[];
  turnsOf(subjects: { name: string; ours: boolean }[]): { name: string }[];
};
const { chooseRows } = (await load('rows/choose.js')) as {
  chooseRows(only: string[] | undefined, rows: Row[]): Row[];
};
const { groupByServer, measureRows, summarizeWindows } = (await load('rows/measure.js')) as {
  measureRows(rows: object[], planOf: () => Plan, root: string, say: object): Promise<{ row: string }[]>;
  groupByServer(rows: Partial<Row>[]): Partial<Row>[][];
  summarizeWindows(windows: object[]): Summary;
};
const { plannedSeconds } = (await load('rows/planned.js')) as {
  plannedSeconds(rows: Row[], comparisons: Row[], peers: object[], planOf: (row: Row) => Plan): number;
};
const { PEERS } = (await load('peers/index.js')) as { PEERS: Peer[] };
const { choosePeers } = (await load('peers-chosen.js')) as {
  choosePeers(wanted: string, known: Peer[]): Promise<{ peers: { name: string }[]; missing: string[] }>;
};

describe('the rows of the benchmark', () => {
  const all = [...ROWS, ...COMPARISONS];

  it('have names of their own', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it('measure at least five windows and 10 s of steady state on end, and less only when asked to be quick', () => {
    for (const { name, plan, quick } of all) {
      expect([name, plan.windows >= 5, plan.windows * plan.seconds >= 10]).toEqual([name, true, true]);
      expect([name, quick.windows * quick.seconds + quick.warmUpSeconds <= 4]).toEqual([name, true]);
    }
  });

  it('are planned to be measured beside all main peers within 20 minutes, and when quick within a minute', async () => {
    const peers = [];
    for (const { main, load: of } of PEERS) if (main) peers.push(await of());
    expect(peers).toHaveLength(5);
    expect(plannedSeconds(ROWS, COMPARISONS, peers, ({ plan }) => plan)).toBeLessThan(20 * 60);
    const quick = chooseRows(['send', 'receive'], all).filter((row) => !row.onlyBesidePeers);
    const [rows, comparisons] = [ROWS, COMPARISONS].map((some) => quick.filter((row) => some.includes(row)));
    expect(plannedSeconds(rows!, comparisons!, [], (row) => row.quick)).toBeLessThan(50);
  });

  it('are chosen by name and by tag', () => {
    const names = (only?: string[]) => chooseRows(only, all).map(({ name }) => name);
    expect(names()).toHaveLength(all.length);
    expect(names(['batch'])).toEqual(['batch']);
    expect(names(['send', 'receive'])).toEqual(
      expect.arrayContaining(['send-embedded', 'send-tcp', 'receive-orderly', 'send-peers', 'receive-peers']),
    );
    expect(names(['send'])).not.toContain('send-sustained');
    expect(() => names(['sned'])).toThrow('there is no row sned. Known: ');
  });

  it('share a server only next to each other', () => {
    const [a, b] = [{}, {}];
    const rows = [a, a, b, a].map((server, index) => ({ name: String(index), server }));
    expect(groupByServer(rows).map((group) => group.map(({ name }) => name))).toEqual([['0', '1'], ['2'], ['3']]);
  });

  it('summarize what all runs have measured, and nothing that one of them has not', () => {
    const runs = [
      { perSecond: 1, perSync: 3, client: { loop: 0.5 } },
      { perSecond: 3, client: { loop: 0.7 } },
    ];
    expect(summarizeWindows(runs)).toEqual({
      perSecond: { median: 2, min: 1, max: 3, runs: 2 },
      loop: { median: 0.6, min: 0.5, max: 0.7, runs: 2 },
    });
  });
});

describe('a row that fails', () => {
  it('is named, leaves nothing behind, and lets the others be measured', async () => {
    const root = mkdtempSync(join(tmpdir(), 'rows-'));
    const broken: string[] = [];
    let closed = 0;
    const say = {
      row: () => {},
      windows: () => {},
      broken: (what: string, error: Error) => broken.push(`${what}: ${error.message}`),
    };
    const server = { close: () => Promise.resolve(void closed++) };
    const row = (name: string, run: () => object[]) => ({
      name,
      spec: {},
      server: { open: () => Promise.resolve(server) },
      run: () => Promise.resolve().then(run),
    });
    const rows = [
      row('bad', () => {
        throw new Error('at most 1000 can be on the disk');
      }),
      row('good', () => [{ perSecond: 1 }]),
    ];
    const results = await measureRows(rows, () => ({ windows: 2, seconds: 1, warmUpSeconds: 1 }), root, say);
    expect(results.map((result) => result.row)).toEqual(['good']);
    expect(broken).toEqual(['bad: at most 1000 can be on the disk']);
    expect(closed).toBe(2);
    rmdirSync(root);
  });
});

describe('the comparison with peers', () => {
  const result = (subject: string, ours: boolean, values: number[]) => {
    const summary = summarizeWindows(values.map((perSecond) => ({ perSecond, p50: perSecond })));
    return { subject, ours, durability: 'sync', summary };
  };
  const results = [result('ours', true, [10, 11, 12]), result('theirs', false, [7, 8, 9])];
  const verdicts = (figures: { key: string; lessIsBetter?: boolean }[]) =>
    compareResults({ name: 'send', figures }, results).map(({ ours, theirs, verdict }) => [ours, theirs, verdict]);

  it('sets ours against each peer, figure by figure', () => {
    expect(verdicts([{ key: 'perSecond' }])).toEqual([['ours', 'theirs', 'ahead']]);
    expect(verdicts([{ key: 'p50', lessIsBetter: true }])).toEqual([['ours', 'theirs', 'behind']]);
  });

  it('says nothing of a figure that one of them lacks', () => {
    expect(verdicts([{ key: 'p99' }])).toEqual([]);
  });
});

describe('the turns of a comparison', () => {
  const subject = (name: string, ours: boolean) => ({ name, ours });
  const [tcp, inside, other] = [subject('tcp', true), subject('inside', true), subject('other', false)];

  it('are one each, and for ours a second one after the peers', () => {
    const names = (subjects: { name: string; ours: boolean }[]) => turnsOf(subjects).map(({ name }) => name);
    expect(names([tcp, inside, other])).toEqual(['tcp', 'inside', 'other', 'inside', 'tcp']);
    expect(names([tcp, inside])).toEqual(['tcp', 'inside']);
  });
});

describe('the choice of peers', () => {
  const peer = (id: string, main: boolean, lacking?: string): Peer => ({
    id,
    main,
    load: () => Promise.resolve({ name: id.toUpperCase(), missing: () => lacking }),
  });
  const broken = { id: 'broken', main: false, load: () => Promise.reject(new Error('no such package')) };
  const known = [peer('one', true), peer('two', true, 'two-server; apt install two'), peer('three', false), broken];
  const choose = async (wanted: string) => {
    const { peers, missing } = await choosePeers(wanted, known);
    return { peers: peers.map(({ name }) => name), missing };
  };

  it('takes the main ones, more of them, all or none, and names what is missing with how to get it', async () => {
    const missing = ['TWO: two-server; apt install two'];
    expect(await choose('main')).toEqual({ peers: ['ONE'], missing });
    expect(await choose('main,three')).toEqual({ peers: ['ONE', 'THREE'], missing });
    expect(await choose('three')).toEqual({ peers: ['THREE'], missing: [] });
    expect(await choose('none')).toEqual({ peers: [], missing: [] });
    expect(await choose('all')).toEqual({
      peers: ['ONE', 'THREE'],
      missing: [...missing, 'broken: no such package'],
    });
  });

  it('refuses one that it does not know', async () => {
    await expect(choose('four')).rejects.toThrow('there is no four. Known: one, two, three, broken, main, all, none');
  });
});
