import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BROKER } from '../../lib/cli/broker/broker-command.js';
import { NAMESRV } from '../../lib/cli/namesrv/namesrv-command.js';
import { serverSettings, type SettingsFile } from '../../lib/cli/serve/server-settings.js';
import type { FlagValues } from '../../lib/cli/flags/flag.js';
import { PROCESS_FLAGS } from '../../lib/cli/flags/process-flags.js';
import { runInside } from './inside.js';

const brokerSettings = (values: FlagValues, file?: SettingsFile) => serverSettings(BROKER, values, file);

describe('the settings of nestmq broker', () => {
  it('differ from those of a broker inside an application in that it listens, with log files of 1 GiB', () => {
    expect(brokerSettings(new Map())).toEqual({ listen: {}, segmentBytes: 2 ** 30 });
    expect(brokerSettings(new Map([['memory', true]]))).toEqual({ listen: {}, memory: true });
  });

  it('keep what the file says beside what a flag says of the same setting', () => {
    const content = { listen: { host: 'localhost', port: 1 }, retention: { ageMillis: 5, strict: true } };
    const values = new Map<string, unknown>([
      ['port', 2],
      ['retention', 7],
    ]);
    expect(brokerSettings(values, { path: 'f.json', content })).toMatchObject({
      listen: { host: 'localhost', port: 2 },
      retention: { ageMillis: 7, strict: true },
    });
    expect(content.listen.port).toBe(1);
  });

  it.each([
    ['true', true, {}],
    ['a port', 5, { port: 5 }],
    ['a host', { host: 'localhost' }, { host: 'localhost' }],
  ])('take %s for where to listen', (_, listen, expected) => {
    expect(brokerSettings(new Map(), { path: 'f.json', content: { listen } }).listen).toEqual(expected);
  });

  it.each([
    ['broker', 'BrokerSettings', BROKER.flags, ['registration', 'share']],
    ['name-server', 'NameServerSettings', NAMESRV.flags, []],
  ])('have a flag each: %s', async (file, type, flags, without) => {
    const text = await readFile(`lib/server/settings/${file}-settings.ts`, 'utf8');
    const body = new RegExp(`interface ${type}\\b[^{]*\\{([^]*?)\\n\\}`).exec(text)![1]!;
    const settings = [...body.matchAll(/^ {2}(\w+)\??:/gm)].map((match) => match[1]!);
    const flagged = new Set(flags.map(({ setting }) => setting.split('.')[0]!));
    expect(settings).not.toHaveLength(0);
    // Processes that share a store are those of applications; a secret has no place on a command line.
    expect(settings.filter((name) => !flagged.has(name)).toSorted()).toEqual(without);
  });

  it.each([
    ['broker', BROKER.flags],
    ['namesrv', NAMESRV.flags],
  ])('are all in the help, with their variables: %s', async (command, flags) => {
    const { code, stdout } = await runInside([command, '--help']);
    expect(code).toBe(0);
    for (const { name, env, on } of [...flags, ...PROCESS_FLAGS]) {
      expect(stdout).toMatch(new RegExp(`^  --${on === true ? 'no-' : ''}${name}[ \n]`, 'm'));
      if (env !== undefined) expect(stdout).toMatch(new RegExp(`\\b${env}\\)`));
    }
  });

  it.each([
    ['a flag that is none', ['--prot', '1'], {}, /unknown option '--prot'\n\(Did you mean --port\?\)/],
    ['an argument', ['orders'], {}, /too many arguments/],
    [
      'a port that is none',
      ['--port', 'x'],
      {},
      /option '--port <port>' argument 'x' is invalid\. It must be a whole number/,
    ],
    ['a port beyond all', ['--port', '65536'], {}, /from 0 to 65535/],
    ['a size that is none', ['--segment-bytes', '1t'], {}, /64k, 16m, 1g/],
    ['a time that is none', ['--retention', 'soon'], {}, /72h or 14d/],
    ['a topic that is none', ['--topic', 'orders:many'], {}, /orders:8/],
    ['a choice that is none', ['--flush', 'never'], {}, /one of sync, async/],
    [
      'a variable that makes no sense',
      [],
      { NESTMQ_INSECURE: 'perhaps' },
      /The variable NESTMQ_INSECURE is "perhaps"\. It must be true or false/,
    ],
    ['an address that others reach', ['--host', '0.0.0.0'], {}, /--host would open 0\.0\.0\.0:9876.*--insecure/],
    [
      'settings that exclude each other',
      ['--store', 'x'],
      { NESTMQ_MEMORY: '1' },
      /--store has no meaning with --memory/,
    ],
    [
      'a setting out of range',
      ['--default-queues', '5000'],
      {},
      /--default-queues must be a whole number from 1 to 1024, not 5000/,
    ],
    [
      'a file that is not there',
      ['--config', 'nowhere.json'],
      {},
      /settings file nowhere\.json cannot be read: ENOENT/,
    ],
  ])('are refused: %s', async (_, args, env, message) => {
    const ended = await runInside(['broker', ...args], env);
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  it.each([
    ['an address that others reach', ['--host', '0.0.0.0'], /--host would open 0\.0\.0\.0:9876.*--insecure/],
    ['a time out of range', ['--broker-expiry', '1ms'], /--broker-expiry must be a number of milliseconds from 100/],
    ['a broker’s', ['--flush', 'sync'], /unknown option '--flush'/],
  ])('are refused to a NameServer: %s', async (_, args, message) => {
    const ended = await runInside(['namesrv', ...args]);
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestmq-cli-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['is no JSON', '{\n  "store": "x",\n}', /is no JSON.*: /],
    ['holds no object', '["store"]', /must hold an object/],
    ['has a setting that is none', '{ "stor": "x" }', /settings\.json has no setting "stor"; there are store, memory/],
    [
      'has a setting of a setting that is none',
      '{ "retention": { "ageHours": 1 } }',
      /"retention" in \S*settings\.json has no setting "ageHours"/,
    ],
    [
      'has a value that makes no sense',
      '{ "retention": { "ageMillis": "1h" } }',
      /"retention\.ageMillis" in \S*settings\.json must be a number of milliseconds/,
    ],
    ['shares its store', '{ "share": true }', /"share" in \S*settings\.json is true/],
    ['does not listen', '{ "listen": false }', /"listen" in \S*settings\.json is false/],
    ['listens on what is no port', '{ "listen": "here" }', /"listen" in \S*settings\.json must be true, false, a port/],
    ['reaches for the prototype', '{ "__proto__": { "memory": true } }', /has no setting "__proto__"/],
  ])('are refused in a file that %s', async (_, text, message) => {
    const file = join(folder, 'settings.json');
    await writeFile(file, text);
    const ended = await runInside(['broker', '--config', file]);
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });
});
