import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { MessageListener, MessagingModule, type MessagingModuleOptions, MessagingTemplate } from '../../lib/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { BrokerHost } from '../../lib/server/index.js';
import { certificatePath } from '../certificates/files.js';

const platform = systemPlatform({ logger: silentLogger });
const account = { accessKey: 'shop-account', secretKey: 'hush-hush-hush' };
const ca = certificatePath('ca.pem');

describe('an application with TLS and credentials', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const start = async (options: MessagingModuleOptions, ...controllers: (new () => object)[]) => {
    @Module({ imports: [MessagingModule.forRoot({ application: 'secured', ...options })], controllers })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
    cleanups.push(() => app.close());
    return app;
  };

  it('sends, listens, asks and answers', async () => {
    const permissions = { topicPermissions: { questions: 'PUB|SUB' as const }, defaultGroupPermission: 'SUB' as const };
    const tls = { mode: 'enforcing' as const, key: certificatePath('server.key'), cert: certificatePath('server.pem') };
    const acl = { accounts: [{ ...account, ...permissions }] };
    const host = await BrokerHost.start({ memory: true, listen: 0, tls, acl, topics: ['questions'] }, platform);
    cleanups.push(() => host.stop());

    @Controller()
    class Answers {
      @MessageListener('questions', '*', 'answers')
      answer(question: string): string {
        return `${question}!`;
      }
    }
    const app = await start({ nameServer: host.address!, tls: { ca }, credentials: account }, Answers);
    const messaging = app.get(MessagingTemplate);
    expect(await messaging.request('questions', 'really')).toBe('really!');
    await expect(messaging.syncSend('wages', 'all of them')).rejects.toMatchObject({ code: 'NO_PERMISSION' });
    expect(inspect(app, { depth: 12 })).not.toContain(account.secretKey);
  });

  it.each<[string, MessagingModuleOptions, RegExp]>([
    ['TLS without a NameServer', { tls: true }, /tls has no meaning without nameServer/],
    ['a certificate without its key', { nameServer: 'a:1', tls: { cert: 'x' } }, /cert and key belong together/],
    ['an unknown option of TLS', { nameServer: 'a:1', tls: { cipher: 'x' } as never }, /unknown option "cipher"/],
    ['credentials without a NameServer', { credentials: account }, /credentials have no meaning without nameServer/],
    ['a text as credentials', { nameServer: 'a:1', credentials: account.secretKey as never }, /credentials must be \{/],
    [
      'a short secret',
      { nameServer: 'a:1', credentials: { ...account, secretKey: 'hush' } },
      /secretKey must be a text/,
    ],
  ])('does not start with %s', async (_what, options, words) => {
    const started = start(options);
    await expect(started).rejects.toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(words) });
    await expect(started).rejects.not.toMatchObject({ message: expect.stringContaining('hush') });
  });
});
