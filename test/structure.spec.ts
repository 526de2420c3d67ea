import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Finding {
  file: string;
  line: number;
  rule: string;
  message: string;
}

const script = pathToFileURL(join(process.cwd(), 'scripts/check-structure.js')).href;
const { checkTree } = (await import(script)) as { checkTree(root: string): Finding[] };

const trees: string[] = [];
afterEach(async () => {
  await Promise.all(trees.splice(0).map((tree) => rm(tree, { recursive: true, force: true })));
});

/** Writes a small project and returns what the checker finds in it, as `file:line rule`. */
async function find(files: Record<string, string>, more: Record<string, unknown> = {}): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'structure-'));
  trees.push(root);
  const peerDependencies = { '@nestjs/common': '12', '@nestjs/microservices': '12', '@nestjs/testing': '12' };
  const manifest = { dependencies: { 'declared-package': '1' }, peerDependencies, ...more };
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...files })) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return checkTree(root).map(({ file, line, rule }) => `${file}:${line} ${rule}`);
}

const door = (room: string, what = 'thing') => ({
  [`lib/${room}/index.ts`]: `export * from './${what}.js';\n`,
  [`lib/${room}/${what}.ts`]: 'export const value = 1;\n',
});

describe('the structure check', () => {
  it('accepts imports downward through the door, and inside a room', async () => {
    expect(
      await find({
        ...door('platform'),
        ...door('protocol'),
        'lib/store/a.ts': "import { value } from '../platform/index.js';\nexport const a = value;\n",
        'lib/store/b.ts':
          "import { a } from './a.js';\nimport type { value } from '../protocol/index.js';\nexport const b: typeof value = a;\n",
        'lib/index.ts': "export { value } from './platform/index.js';\n",
      }),
    ).toEqual([]);
  });

  it.each([
    ['upward', 'protocol', 'store'],
    ['sideways', 'client', 'broker'],
    ['sideways below', 'store', 'remoting'],
    ['to the top', 'server', 'nest'],
  ])('catches an import that goes %s', async (_, from, to) => {
    const files = {
      ...door(to),
      [`lib/${from}/a.ts`]: `import { value } from '../${to}/index.js';\nexport const a = value;\n`,
    };
    expect(await find(files)).toEqual([`lib/${from}/a.ts:1 floors`]);
  });

  it.each([
    ["export { value } from '../store/index.js';", 'an export from'],
    ["import type { value } from '../store/index.js';", 'a type import'],
    ["export type T = import('../store/index.js').T;", 'an import type'],
    ["export const load = () => import('../store/index.js');", 'a dynamic import'],
    ["import\n  '../store/index.js';", 'an import for its effects'],
    ['import { value } from `../store/index.js`;', 'a template for a specifier'],
  ])('sees %s', async (statement) => {
    const found = await find({ ...door('store'), 'lib/protocol/a.ts': statement });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^lib\/protocol\/a\.ts:\d floors$/);
  });

  it('does not see imports in comments, strings and templates', async () => {
    const text = [
      "// import { value } from '../store/index.js';",
      "/* import '../store/index.js' */",
      'export const a = "import \'../store/index.js\'" + `import "../store/index.js" ${1 + 1} Date.now()`;',
      'export const b = /import "..\\/store" setTimeout[/]/.test(a);',
    ].join('\n');
    expect(await find({ ...door('store'), 'lib/protocol/a.ts': text })).toEqual([]);
  });

  it('catches an entry past the door, a room without a floor, and a way out of lib', async () => {
    expect(
      await find({
        ...door('platform'),
        'lib/store/a.ts':
          "import { value } from '../platform/thing.js';\nimport '../../test/x.js';\nimport '../index.js';\nexport const a = value;\n",
        'lib/index.ts': "export * from './store/a.js';\n",
        'lib/attic/a.ts': 'export const a = 1;\n',
      }),
    ).toEqual([
      'lib/attic/a.ts:1 floors',
      'lib/index.ts:1 doors',
      // the entry and the room import each other
      'lib/index.ts:1 cycles',
      'lib/store/a.ts:1 doors',
      'lib/store/a.ts:2 floors',
      'lib/store/a.ts:3 floors',
    ]);
  });

  it('catches a specifier that the emitted module could not load', async () => {
    const text = "import './b.ts';\nimport './missing.js';\nimport fs from 'fs';\nexport const a = fs;\n";
    expect(await find({ 'lib/remoting/a.ts': text, 'lib/remoting/b.ts': '' })).toEqual([
      'lib/remoting/a.ts:1 specifiers',
      'lib/remoting/a.ts:2 specifiers',
      'lib/remoting/a.ts:3 specifiers',
    ]);
  });

  it('catches packages that are not declared, and Nest outside its rooms', async () => {
    const text = "import 'declared-package/sub';\nimport '@nestjs/common';\nimport 'left-pad';\n";
    expect(await find({ 'lib/nest/a.ts': text, 'lib/client/a.ts': text })).toEqual([
      'lib/client/a.ts:2 packages',
      'lib/client/a.ts:3 packages',
      'lib/nest/a.ts:3 packages',
    ]);
  });

  it('keeps what has an optional peer behind its own entry', async () => {
    const files = {
      'lib/nest/testing/index.ts': "export * from './kit.js';\n",
      'lib/nest/testing/kit.ts': "import '@nestjs/testing';\nimport '../a.js';\nexport const kit = 1;\n",
      'lib/nest/index.ts': "export * from './a.js';\n",
      'lib/nest/a.ts': 'export const a = 1;\n',
      'lib/testing.ts': "export * from './nest/testing/index.js';\nexport { a } from './nest/index.js';\n",
    };
    expect(await find(files)).toEqual([]);
    const broken = {
      ...files,
      'lib/nest/b.ts': "import './testing/index.js';\nimport '@nestjs/testing';\n",
      'lib/index.ts': "export * from './nest/testing/index.js';\n",
      'lib/testing.ts': "export * from './nest/testing/kit.js';\n",
    };
    expect(await find(broken)).toEqual([
      'lib/index.ts:1 doors',
      'lib/index.ts:1 sub-paths',
      'lib/nest/b.ts:1 sub-paths',
      'lib/nest/b.ts:2 packages',
      'lib/testing.ts:1 doors',
    ]);
  });

  it.each([
    'export const a = Date.now();',
    'export const a = new Date();',
    'export const a = new Date;',
    'export const a = Date();',
    'setTimeout(() => {}, 1);',
    'globalThis.setTimeout(() => {}, 1);',
    'const later = setImmediate; export { later };',
    'setInterval(() => {}, 1);',
    'export const a = Math.random();',
    'export const a = process.hrtime.bigint();',
    'export const a = performance.now();',
    'export const a = `${Date.now()}`;',
    "import { sleep } from 'node:timers/promises';",
    "import net from 'node:net';",
    "import { open } from 'node:fs/promises';",
    "import { randomUUID } from 'node:crypto';\nexport const a = randomUUID();",
  ])('catches in a sealed room: %s', async (statement) => {
    for (const room of ['protocol', 'store', 'client', 'broker', 'nameserver']) {
      const found = await find({ [`lib/${room}/a.ts`]: statement });
      expect(found.length).toBeGreaterThan(0);
      expect(new Set(found.map((text) => text.replace(/^.* /, '')))).toEqual(new Set(['sealed']));
    }
    expect(await find({ 'lib/platform/a.ts': statement })).toEqual([]);
  });

  it('holds the folder of nestmq/microservices to its entry, and its peer to the folder', async () => {
    const transport = {
      'lib/nest/transport/index.ts': "export * from './server.js';\n",
      'lib/nest/transport/server.ts': "import '@nestjs/microservices/x.js';\nexport const server = 1;\n",
    };
    const entry = { 'lib/microservices.ts': "export * from './nest/transport/index.js';\n" };
    expect(await find({ ...transport, ...entry })).toEqual([]);
    const wrong = {
      'lib/nest/a.ts': "import '@nestjs/microservices';\nimport './transport/index.js';\nexport const a = 1;\n",
    };
    expect(await find({ ...transport, ...entry, ...wrong })).toEqual([
      'lib/nest/a.ts:1 packages',
      'lib/nest/a.ts:2 sub-paths',
    ]);
  });

  const handedIn = {
    'lib/idempotency/redis/index.ts': "export * from './store.js';\n",
    'lib/idempotency/redis/store.ts': "import type { Redis } from 'ioredis';\nexport type Client = Redis;\n",
  };
  const exportRedis = {
    './idempotency/redis': {
      types: './dist/idempotency/redis/index.d.ts',
      default: './dist/idempotency/redis/index.js',
    },
  };
  const redisPeer = { peerDependencies: { ioredis: '5' } };

  it('takes the own index of a folder for an entry that nothing in lib leads to', async () => {
    const own = { 'lib/idempotency/index.ts': '', 'lib/idempotency/store.ts': 'export {};\n' };
    expect(await find({ ...handedIn, ...own }, { ...redisPeer, exports: exportRedis })).toEqual([]);
    const wrong = {
      'lib/idempotency/index.ts': "export * from './redis/index.js';\n",
      'lib/nest/a.ts': "import '../idempotency/redis/index.js';\nimport type { Redis } from 'ioredis';\n",
    };
    expect(await find({ ...handedIn, ...wrong }, redisPeer)).toEqual([
      'lib/idempotency/index.ts:1 sub-paths',
      'lib/nest/a.ts:1 doors',
      'lib/nest/a.ts:1 sub-paths',
      'lib/nest/a.ts:2 packages',
    ]);
  });

  it.each([
    "import { Redis } from 'ioredis';",
    "import { type Redis } from 'ioredis';",
    "import type from 'ioredis';",
    "import 'ioredis';",
    "export * from 'ioredis';",
    "export const load = () => import('ioredis');",
  ])('catches that a package which is handed in is loaded: %s', async (statement) => {
    const wrong = { 'lib/idempotency/redis/store.ts': `${statement}\n` };
    expect(await find({ ...handedIn, ...wrong }, redisPeer)).toEqual(['lib/idempotency/redis/store.ts:1 packages']);
  });

  it('catches exports that are not there, with the types of another file, and a sub-path that is not exported', async () => {
    const { './idempotency/redis': target } = exportRedis;
    const exports = { './package.json': './package.json', './redis': { ...target, types: './dist/index.d.ts' } };
    expect(await find(handedIn, { ...redisPeer, exports })).toEqual(['package.json:1 exports']);
    expect(await find(handedIn, { ...redisPeer, exports: {} })).toEqual(['package.json:1 exports']);
    expect(await find({}, { ...redisPeer, exports: exportRedis })).toEqual(['package.json:1 exports']);
  });

  it('lets a sealed room use the clock it is given and dates that it is told', async () => {
    const text =
      'export const a = (clock: any, timer: any) => [clock.now(), new Date(clock.now()), new Date(0), timer.setTimeout(1)];\n';
    expect(await find({ 'lib/store/a.ts': text })).toEqual([]);
  });

  it('catches calls that block the loop, anywhere in lib', async () => {
    const text = "import { readFileSync } from 'node:fs';\nexport const a = () => readFileSync('x');\n";
    expect(await find({ 'lib/server/a.ts': text })).toEqual([
      'lib/server/a.ts:1 blocking',
      'lib/server/a.ts:2 blocking',
    ]);
  });

  it('catches an index.ts that does more than pass on', async () => {
    const text = "export * from './a.js';\nexport type { A } from './a.js';\nexport const more = 1;\n";
    expect(await find({ 'lib/store/index.ts': text, 'lib/store/a.ts': 'export type A = 1;\n' })).toEqual([
      'lib/store/index.ts:3 indexes',
    ]);
  });

  it('catches files over 400 lines, in lib and beside it', async () => {
    const lines = (count: number) => 'export {};\n'.repeat(count);
    expect(
      await find({
        'lib/store/a.ts': lines(401),
        'lib/store/b.ts': lines(400),
        'test/a.spec.ts': lines(401),
        'scripts/a.js': lines(401),
      }),
    ).toEqual(['lib/store/a.ts:401 length', 'scripts/a.js:401 length', 'test/a.spec.ts:401 length']);
  });

  it('catches import cycles, also of types and over three files', async () => {
    expect(
      await find({
        'lib/store/a.ts': "import './b.js';\n",
        'lib/store/b.ts': "import type { C } from './c.js';\nexport type B = C;\n",
        'lib/store/c.ts': "import './a.js';\nexport type C = 1;\n",
        'lib/store/d.ts': "import './d.js';\n",
      }),
    ).toEqual(['lib/store/a.ts:1 cycles', 'lib/store/d.ts:1 cycles']);
  });
});
