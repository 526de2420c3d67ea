import { afterEach, describe, expect, it } from '@jest/globals';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { certificatePath } from '../certificates/files.js';
import { Commands } from './command.js';
import { runInside } from './inside.js';

const file = (name: string): string => resolve(certificatePath(name));
const CA = ['--tls-ca', file('ca.pem')];

describe('TLS and accounts on the command line', () => {
  const commands = new Commands();
  afterEach(() => commands.cleanUp());

  it('is what a broker is told, and what a command says whom to trust', async () => {
    const broker = commands.start(
      ['broker', '--memory', '--port', '0', '--tls-mode', 'enforcing', '--tls-ca', file('ca.pem')],
      {
        env: {
          NESTMQ_TLS_KEY: file('server.key'),
          NESTMQ_TLS_CERT: file('server.pem'),
          NESTMQ_TLS_CLIENT_CERTIFICATE: 'require',
        },
      },
    );
    const env = { NESTMQ_NAME_SERVER: await broker.address() };
    expect(broker.stdout).toContain('TLS enforcing');
    const list = (...args: string[]) => runInside(['topic', 'list', '--timeout', '2s', ...args], env);
    const own = ['--tls-cert', file('client.pem'), '--tls-key', file('client.key')];
    expect(await list(...CA, ...own)).toMatchObject({ code: 0, stdout: 'There are no topics.\n' });
    expect(await list('--no-tls-verify', ...own)).toMatchObject({ code: 0 });
    const variables = { ...env, NESTMQ_CLIENT_TLS_CA: file('ca.pem') };
    expect(await runInside(['topic', 'list', ...own], variables)).toMatchObject({ code: 0 });
    expect(await list('--tls', ...own)).toMatchObject({ code: 1, stderr: expect.stringMatching(/certificate/) });
    expect(await list(...CA)).toMatchObject({ code: 1 });
    expect(await list(...CA, '--no-tls')).toMatchObject({ code: 1 });
    expect(await list('--tls-ca', 'nowhere.pem')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--tls-ca .*nowhere\.pem/),
    });
    expect(await list(...CA, '--tls-cert', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/go together/),
    });
    expect((await broker.stop()).code).toBe(0);
  });

  it('takes renewed certificates at SIGHUP, and keeps the old ones when the new are wrong', async () => {
    const folder = await commands.folder();
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const use = async (name: string): Promise<void> => {
      await copyFile(file(`${name}.key`), key);
      await copyFile(file(`${name}.pem`), cert);
    };
    await use('elsewhere');
    const broker = commands.start(['broker', '--memory', '--port', '0', '--tls-key', key, '--tls-cert', cert]);
    const env = { NESTMQ_NAME_SERVER: await broker.address() };
    expect((await runInside(['topic', 'list', ...CA], env)).code).toBe(1);
    await use('renewed');
    broker.child.kill('SIGHUP');
    await broker.sees(/SIGHUP: certificates and accounts were read again/);
    expect((await runInside(['topic', 'list', ...CA], env)).code).toBe(0);
    await rm(cert);
    broker.child.kill('SIGHUP');
    while (!/SIGHUP: nothing has changed: .*cert/.test(broker.stderr)) await new Promise((done) => setTimeout(done, 5));
    expect((await runInside(['topic', 'list', ...CA], env)).code).toBe(0);
    expect((await broker.stop()).code).toBe(0);
  });

  it('refuses a key without its certificate', async () => {
    const ended = await runInside(['broker', '--memory', '--tls-key', 'x']);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(/--tls-key.*needs key and cert/) });
  });

  it('signs what it asks as an account, and says what is missing', async () => {
    const folder = await commands.folder();
    const acl = join(folder, 'accounts.json');
    const operator = { accessKey: 'operator', secretKey: 'a long secret', admin: true };
    const write = (accounts: object[]): Promise<void> => writeFile(acl, JSON.stringify({ accounts }));
    await write([operator]);
    const broker = commands.start(['broker', '--memory', '--port', '0', '--acl', acl]);
    const address = await broker.address();
    const create = (env: NodeJS.ProcessEnv, ...args: string[]) =>
      runInside(['topic', 'create', 'orders', '--name-server', address, ...args], env as Record<string, string>);
    const known = { NESTMQ_ACCESS_KEY: 'operator', NESTMQ_SECRET_KEY: 'a long secret' };
    expect(await create(known)).toMatchObject({ code: 0, stderr: '' });
    expect(await create({}, '--access-key', 'operator', '--secret-key', 'a long secret')).toMatchObject({ code: 0 });
    expect(await create({})).toMatchObject({ code: 1, stderr: expect.stringMatching(/--access-key/) });
    expect(await create({ ...known, NESTMQ_SECRET_KEY: 'another secret' })).toMatchObject({ code: 1 });
    expect(await create({}, '--access-key', 'operator')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/go together/),
    });
    await write([{ ...operator, secretKey: 'another secret' }]);
    broker.child.kill('SIGHUP');
    await broker.sees(/SIGHUP: certificates and accounts/);
    expect(await create({ ...known, NESTMQ_SECRET_KEY: 'another secret' })).toMatchObject({ code: 0 });
  });
});
