import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MESSAGING_ERROR_CODES } from '../../lib/protocol/errors.js';
import { readBlocks } from './blocks.js';

/** What `nest new --strict` writes. */
const STRICT = {
  module: 'nodenext',
  moduleResolution: 'nodenext',
  resolvePackageJsonExports: true,
  esModuleInterop: true,
  isolatedModules: true,
  emitDecoratorMetadata: true,
  experimentalDecorators: true,
  allowSyntheticDefaultImports: true,
  target: 'ES2023',
  skipLibCheck: true,
  strict: true,
  forceConsistentCasingInFileNames: true,
  noFallthroughCasesInSwitch: true,
  types: ['node'],
  rootDir: '.',
  outDir: 'out',
};

/** Milliseconds after which a block hangs. */
const LIMIT = 90_000;

const blocks = readBlocks('README.md');
let folder = '';

/** Runs a compiled block in a folder of its own; resolves to its exit code and output. */
function runBlock(index: number): Promise<{ code: number | null; output: string }> {
  const isProgram = /\bNestFactory\.|\bBrokerHost\.start\b/.test(blocks[index]!.code);
  const script = join(folder, `out/block-${index}.js`);
  const args = isProgram ? [script] : [join(folder, 'run-block.js'), script];
  const cwd = join(folder, `run-${index}`);
  mkdirSync(cwd);
  cpSync('test/certificates', join(cwd, 'certificates'), { recursive: true });
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

describe('the README', () => {
  beforeAll(() => {
    // Inside the project, because the blocks import the package by its name.
    mkdirSync('.test', { recursive: true });
    folder = mkdtempSync(join(process.cwd(), '.test', 'readme-'));
    blocks.forEach((block, index) => writeFileSync(join(folder, `block-${index}.ts`), `${block.code}\n\nexport {};\n`));
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: STRICT, include: ['*.ts'] }));
    copyFileSync('test/docs/run-block.js', join(folder, 'run-block.js'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'has code that compiles under the strict settings of a new Nest application',
    () => {
      const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder], { encoding: 'utf8' });
      const places = tsc.stdout.replace(/\S*block-(\d+)\.ts\((\d+),/g, (_, index: string, line: string) => {
        return `README.md(${blocks[Number(index)]!.line + Number(line)},`;
      });
      expect([places, tsc.status]).toEqual(['', 0]);
    },
    2 * LIMIT,
  );

  it.each(blocks.map((block, index) => [`${block.name} (line ${block.line})`, index] as const))(
    'has code that runs: %s',
    async (_, index) => {
      const { code, output } = await runBlock(index);
      const { prints } = blocks[index]!;
      expect([code, prints === undefined ? '' : output.trim()]).toEqual([0, prints ?? (code === 0 ? '' : output)]);
    },
    2 * LIMIT,
  );

  it.each([
    ['prints something else', 'export const example = () => console.log("a"); // prints: b'],
    ['throws', 'export const example = async () => { throw new Error("broken"); };'],
    [
      'cannot be put together',
      "import { Module } from '@nestjs/common'; class A {} Module({ imports: [undefined] })(A); export { A };",
    ],
  ])('would fail for a block that %s', (_, code) => {
    const script = join(folder, 'out', 'broken.js');
    writeFileSync(script, code);
    expect(spawnSync(process.execPath, [join(folder, 'run-block.js'), script, '100']).status).toBe(1);
  });

  const readme = readFileSync('README.md', 'utf8');

  it.each(MESSAGING_ERROR_CODES.map((code) => [code]))('explains the error %s', (code) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${code}\` `, 'm'));
  });

  it.each([
    ['lib/nest/decorators/message-listener.decorator.ts', 'MessageListenerOptions'],
    ['lib/nest/options/messaging-options.ts', 'MessagingConnectionOptions'],
    ['lib/nest/options/messaging-options.ts', 'ProducerSettings'],
    ['lib/nest/options/messaging-options.ts', 'TraceSetting'],
    ['lib/idempotency/options.ts', 'IdempotentOptions'],
    ['lib/idempotency/options.ts', 'IdempotencyDefaults'],
    ['lib/idempotency/sql/pg/pg-adapter.ts', 'PgAdapterOptions'],
    ['lib/idempotency/sql/mysql2/mysql-adapter.ts', 'MysqlAdapterOptions'],
    ['lib/idempotency/sql/sqlite/sqlite-adapter.ts', 'SqliteAdapterOptions'],
    ['lib/idempotency/redis/redis-idempotency-store.ts', 'RedisIdempotencyOptions'],
    ['lib/idempotency/sql/purge/purge-options.ts', 'PurgeOptions'],
    ['lib/nest/template/send-options.ts', 'MessageOptions'],
    ['lib/nest/template/send-options.ts', 'SendOptions'],
    ['lib/nest/template/send-options.ts', 'BatchOptions'],
    ['lib/server/settings/broker-settings.ts', 'BrokerSettings'],
    ['lib/server/settings/topics.ts', 'DedupSetting'],
    ['lib/server/settings/tls.ts', 'TlsSetting'],
    ['lib/server/settings/acl.ts', 'AclSetting'],
    ['lib/server/settings/acl.ts', 'AccountSetting'],
    ['lib/nest/options/messaging-options.ts', 'TlsOptions'],
    ['lib/store/types.ts', 'RetentionOptions'],
    ['lib/client/admin/message-admin.ts', 'FindOptions'],
    ['lib/nest/metrics/metrics-options.ts', 'MessagingMetricsOptions'],
    ['lib/nest/opentelemetry/tracing-options.ts', 'MessagingTracingOptions'],
    ['lib/nest/terminus/health-options.ts', 'MessagingHealthOptions'],
    ['lib/nest/transport/server-options.ts', 'MessagingServerOptions'],
    ['lib/nest/transport/client-options.ts', 'MessagingClientOptions'],
    ['lib/nest/transport/messaging.record.ts', 'MessagingRecordOptions'],
    ['lib/nest/testing/test-kit-options.ts', 'MessagingTestKitOptions'],
    ['lib/nest/testing/injected-faults.ts', 'SendFault'],
    ['lib/nest/testing/injected-faults.ts', 'DeliveryFault'],
  ])('explains every option of %s %s', (path, name) => {
    const text = readFileSync(path, 'utf8');
    const body = new RegExp(`interface ${name}\\b[^{]*\\{([^]*?)\\n\\}`).exec(text)?.[1] ?? '';
    const options = [...body.matchAll(/^ {2}(\w+)\??:/gm)].map((match) => match[1]!);
    expect(options).not.toHaveLength(0);
    for (const option of options) expect(readme).toMatch(new RegExp(`^\\| (?:\`\\w+\`, )*\`${option}\`[, ]`, 'm'));
  });

  it('promises no delivery that nobody can keep', () => {
    expect(readme).not.toMatch(/exactly.once delivery/i);
  });
});
