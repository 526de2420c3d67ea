import { Injectable, Module } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  InjectTemplate,
  MessageListener,
  MessageListenerRegistry,
  type MessagingConnectionOptions,
  MessagingModule,
  type MessagingModuleAsyncOptions,
  type MessagingOptionsFactory,
  MessagingTemplate,
  getTemplateToken,
} from '../../lib/index.js';
import { closeApplications, startApplication } from './support/application.js';
import { until } from './support/until.js';

afterEach(closeApplications);

@Injectable()
class Config implements MessagingOptionsFactory {
  createMessagingOptions(): MessagingConnectionOptions {
    return { application: 'configured', broker: { memory: true } };
  }
}

@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

@Injectable()
class Listener {
  readonly received: unknown[] = [];
  @MessageListener('x')
  handle(payload: unknown): void {
    this.received.push(payload);
  }
}

describe('forRootAsync', () => {
  it.each<[string, MessagingModuleAsyncOptions]>([
    [
      'useFactory with injection',
      { imports: [ConfigModule], inject: [Config], useFactory: (config: Config) => config.createMessagingOptions() },
    ],
    ['an asynchronous useFactory', { useFactory: async () => new Config().createMessagingOptions() }],
    ['useClass', { useClass: Config }],
    ['useExisting', { imports: [ConfigModule], useExisting: Config }],
  ])('takes its options from %s', async (_form, options) => {
    const app = await startApplication({
      messaging: false,
      imports: [MessagingModule.forRootAsync(options)],
      providers: [Listener],
    });
    await app.get(MessagingTemplate).syncSend('x', 1);
    await until(() => app.get(Listener).received.length === 1, 'the message');
    expect(app.get(MessageListenerRegistry).list()).toMatchObject([{ group: 'configured-Listener-handle' }]);
  });

  it('checks what the factory gives', async () => {
    const useFactory = (): MessagingConnectionOptions => ({ conection: 'typo' }) as MessagingConnectionOptions;
    const starting = startApplication({ messaging: false, imports: [MessagingModule.forRootAsync({ useFactory })] });
    await expect(starting).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/"conection"/),
    });
  });
});

describe('several connections', () => {
  const memory = { application: 'shop', broker: { memory: true } };

  @Injectable()
  class Sender {
    constructor(
      readonly main: MessagingTemplate,
      @InjectTemplate('audit') readonly audit: MessagingTemplate,
      @InjectTemplate() readonly same: MessagingTemplate,
    ) {}
  }

  @Injectable()
  class Both {
    readonly received: string[] = [];
    @MessageListener('x', '*', 'g')
    onMain(payload: string): void {
      this.received.push(`main ${payload}`);
    }
    @MessageListener({ topic: 'x', group: 'g', connection: 'audit' })
    onAudit(payload: string, context: { connection: string }): void {
      this.received.push(`${context.connection} ${payload}`);
    }
  }

  it('are kept apart, templates and listeners alike', async () => {
    const app = await startApplication({
      messaging: false,
      imports: [
        MessagingModule.forRoot(memory),
        MessagingModule.forRootAsync({ connection: 'audit', useFactory: () => memory }),
      ],
      providers: [Sender, Both],
    });
    const { main, audit, same } = app.get(Sender);
    expect(same).toBe(main);
    expect(audit).not.toBe(main);
    expect(app.get(getTemplateToken('audit'))).toBe(audit);
    expect(app.get(getTemplateToken())).toBe(main);
    await main.syncSend('x', '1');
    await audit.syncSend('x', '2');
    const { received } = app.get(Both);
    await until(() => received.length === 2, 'both messages');
    expect([...received].sort()).toEqual(['audit 2', 'main 1']);
  });

  it('the application is named after its package.json when nobody names it', async () => {
    const app = await startApplication({
      messaging: false,
      imports: [MessagingModule.forRoot({ broker: { memory: true } })],
      providers: [Listener],
    });
    expect(app.get(MessageListenerRegistry).list()).toMatchObject([{ group: 'nestmq-Listener-handle' }]);
  });
});
