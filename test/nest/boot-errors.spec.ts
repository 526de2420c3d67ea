import { Injectable, type Type } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsumeMode, MessageListener, type MessageListenerOptions, MessagingModule } from '../../lib/index.js';
import { type ApplicationSettings, closeApplications, startApplication } from './support/application.js';

afterEach(closeApplications);

function listening(...all: MessageListenerOptions[]): Type[] {
  return all.map((options) => {
    @Injectable()
    class Listener {
      @MessageListener(options)
      handle(): void {}
    }
    return Listener;
  });
}

const memory = { application: 'test', broker: { memory: true } };

async function refusal(settings: ApplicationSettings): Promise<unknown> {
  return startApplication(settings).then(
    () => 'started',
    (error: unknown) => error,
  );
}

describe('boot errors', () => {
  const wrongListeners: [string, MessageListenerOptions[], RegExp][] = [
    ['an unknown option', [{ topic: 'x', retries: 3 } as never], /handle: unknown option "retries"; known: topic, tag/],
    ['a topic with a wrong name', [{ topic: 'new orders' }], /Listener\.handle: .*topic/],
    ['no topic', [{ topic: '' }], /topic must be a text/],
    ['a group with a wrong name', [{ topic: 'x', group: 'a b' }], /Listener\.handle: .*group/],
    ['a wrong tag expression', [{ topic: 'x', tag: 'a || *' }], /Listener\.handle/],
    ['an unknown mode', [{ topic: 'x', mode: 'PARALLEL' as never }], /mode must be ConsumeMode\.CONCURRENT/],
    [
      'a rate limit without an interval',
      [{ topic: 'x', rateLimit: { limit: 5 } as never }],
      /rateLimit must be an object \{ limit/,
    ],
    ['a rate limit of nothing', [{ topic: 'x', rateLimit: { limit: 0, interval: '1s' } }], /a whole number above 0/],
    ['a key order that is none', [{ topic: 'x', keyOrder: false as never }], /keyOrder must be true or a function/],
    ['an unknown delivery', [{ topic: 'x', delivery: 'exactly-once' as never }], /delivery must be .*at-most-once/],
    ['a concurrency of 0', [{ topic: 'x', concurrency: 0 }], /concurrency must be a whole number/],
    ['a fractional number of retries', [{ topic: 'x', maxReconsumeTimes: 1.5 }], /maxReconsumeTimes must be/],
    ['less than no retries', [{ topic: 'x', maxReconsumeTimes: -1 }], /maxReconsumeTimes must be/],
    ['an empty backoff', [{ topic: 'x', backoff: [] }], /backoff must be/],
    ['an invalid date', [{ topic: 'x', from: new Date('never') }], /from must be "latest"/],
    ['an unknown connection', [{ topic: 'x', connection: 'orders' }], /no messaging connection orders; known: default/],
    [
      'overlapping listeners of a group',
      [
        { topic: 'x', tag: 'a || b', group: 'g' },
        { topic: 'x', tag: 'b || c', group: 'g' },
      ],
      /could match the same message of x \(a \|\| b and b \|\| c\)/,
    ],
    [
      'a group with its own dead letters',
      [{ topic: '%DLQ%g', group: 'g' }],
      /Listener\.handle listens to the dead letters of its own group g/,
    ],
    [
      'two modes in a group',
      [
        { topic: 'x', group: 'g' },
        { topic: 'y', group: 'g', mode: ConsumeMode.ORDERLY },
      ],
      /one is CONCURRENT and the other ORDERLY/,
    ],
    [
      'two start positions in a group',
      [
        { topic: 'x', group: 'g', from: 'earliest' },
        { topic: 'y', group: 'g' },
      ],
      /one starts from earliest and the other from latest/,
    ],
    [
      'two deliveries in a group',
      [
        { topic: 'x', group: 'g', delivery: 'at-most-once' },
        { topic: 'y', group: 'g' },
      ],
      /one is delivered at-most-once and the other at-least-once/,
    ],
  ];

  it.each(wrongListeners)('a listener with %s is refused', async (_what, listeners, message) => {
    expect(await refusal({ providers: listening(...listeners) })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [{ mode: ConsumeMode.BROADCAST, backoff: [10] }, /backoff would do nothing/],
    [{ mode: ConsumeMode.BROADCAST, maxReconsumeTimes: 3 }, /maxReconsumeTimes would do nothing/],
    [{ mode: ConsumeMode.ORDERLY, keyOrder: true as const }, /keyOrder would do nothing.*CONCURRENT/],
    [{ mode: ConsumeMode.ORDERLY, batch: {} }, /batch cannot be had in orderly mode/],
    [{ keyOrder: true as const, batch: {} }, /keyOrder orders single messages/],
    [{ mode: ConsumeMode.ORDERLY, concurrency: 4 }, /concurrency would do nothing.*more queues/],
    [
      { mode: ConsumeMode.ORDERLY, delivery: 'at-most-once' as const },
      /delivery cannot be at-most-once in orderly mode/,
    ],
    [{ delivery: 'at-most-once' as const, backoff: [10] }, /backoff would do nothing.*never tried again/],
    [{ delivery: 'at-most-once' as const, maxReconsumeTimes: 3 }, /maxReconsumeTimes would do nothing/],
    [{ delivery: 'at-most-once' as const, retryRequests: true }, /retryRequests would do nothing/],
  ])('an option that the others leave without effect is refused: %j', async (options, message) => {
    expect(await refusal({ providers: listening({ topic: 'x', group: 'g', ...options }) })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(message),
    });
  });

  it('a topic that the broker settings name twice is refused', async () => {
    const broker = { memory: true, topics: ['orders', { name: 'orders', queues: 8 }] };
    expect(await refusal({ messaging: { broker } })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/names orders twice/),
    });
  });

  it('a fifth argument of the decorator is refused, and so is one beside an object', () => {
    const decorate = MessageListener as (...args: unknown[]) => MethodDecorator;
    const listening = (...args: unknown[]) => {
      class Listener {
        on(): void {}
      }
      decorate(...args)(Listener.prototype, 'on', Object.getOwnPropertyDescriptor(Listener.prototype, 'on')!);
    };
    expect(() => listening('x', '*', 'g', ConsumeMode.CONCURRENT, 16)).toThrow(
      /Listener\.on takes exactly \(topic, tag\?, group\?, mode\?\)/,
    );
    expect(() => listening({ topic: 'x' }, 'tag')).toThrow(/Listener\.on .*one object with names/);
  });

  it('equal dates are one start position, and a group on two connections is two', async () => {
    const app = await startApplication({
      messaging: false,
      imports: [MessagingModule.forRoot(memory), MessagingModule.forRoot({ ...memory, connection: 'second' })],
      providers: listening(
        { topic: 'x', group: 'g', from: new Date(5) },
        { topic: 'y', group: 'g', from: new Date(5) },
        { topic: 'x', group: 'g', connection: 'second', mode: ConsumeMode.ORDERLY },
      ),
    });
    await app.close();
  });

  const wrongOptions: [string, object, RegExp][] = [
    ['an unknown option', { nameserver: 'a:1' }, /unknown option "nameserver"/],
    [
      'a window longer than messages are kept',
      { broker: { memory: true, topics: [{ name: 'x', dedup: { window: '4d' } }] } },
      /broker\.topics\[0\]\.dedup\.window of 345600000 ms is longer than messages are kept/,
    ],
    [
      'a window that is no duration',
      { broker: { memory: true, topics: [{ name: 'x', dedup: { window: 'soon' } }] } },
      /broker\.topics\[0\]\.dedup\.window must be milliseconds above 0/,
    ],
    [
      'a count of 0',
      { broker: { memory: true, topics: [{ name: 'x', dedup: { count: 0 } }] } },
      /broker\.topics\[0\]\.dedup\.count must be a whole number above 0/,
    ],
    [
      'too little memory for ids',
      { broker: { memory: true, dedup: { memoryBytes: 1 } } },
      /broker\.dedup\.memoryBytes must be a number of bytes/,
    ],
    [
      'an index that is neither on nor off',
      { broker: { memory: true, index: 'yes' } },
      /broker\.index must be true or/,
    ],
    ['a share of nothing', { trace: { sample: 0 } }, /trace: sample must be a share above 0, to 1, not 0/],
    ['a share of more than all', { trace: { sample: 2 } }, /trace: sample must be/],
    ['an unknown option of the trace', { trace: { rate: 1 } }, /trace: unknown option "rate"; known: sample, topic/],
    ['a trace into no topic', { trace: { topic: 'a b' } }, /trace: The topic "a b" has a character outside/],
    ['a trace into what is the broker’s', { trace: { topic: 'SCHEDULE_TOPIC_XXXX' } }, /trace: nothing can be sent to/],
    ['a trace that is a text', { trace: 'yes' }, /trace must be true, false or \{ sample, topic \}/],
    ['an unknown option of the broker', { broker: { path: 'x' } }, /broker has no setting "path"/],
    ['an unknown option of the producer', { producer: { retry: 1 } }, /producer: unknown option "retry"/],
    ['a name server without a port', { nameServer: 'localhost', broker: undefined }, /host:port.*"localhost"/],
    ['a name server and a broker', { nameServer: 'a:9876' }, /nameServer and broker exclude each other/],
    ['a wrong budget', { shutdownBudget: 'soon' }, /shutdownBudget must be milliseconds/],
    ['a wrong application', { application: '***' }, /application must have/],
    ['a wrong converter', { converter: {} }, /converter must be/],
    ['a wrong connection name', { connection: 'a b' }, /connection must be a name/],
    ['a store that is no path', { broker: { store: 5 } }, /broker\.store must be the path/],
    ['no time for a send', { producer: { timeout: 0 } }, /timeout must be more than 0/],
    ['a port that is none', { nameServer: 'a:99999', broker: undefined }, /host:port.*"a:99999"/],
  ];

  it.each(wrongOptions)('forRoot with %s is refused', async (_what, options, message) => {
    expect(await refusal({ messaging: options })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(message),
    });
  });

  it('the same connection twice is refused', async () => {
    const imports = [MessagingModule.forRoot(memory), MessagingModule.forRoot({ ...memory, autoStart: false })];
    expect(await refusal({ messaging: false, imports })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/connection default is set up twice/),
    });
  });

  it('two names on one store are refused', async () => {
    const imports = [
      MessagingModule.forRoot({ application: 'a', broker: { store: './somewhere' } }),
      MessagingModule.forRoot({ application: 'a', connection: 'b', broker: { store: 'somewhere/../somewhere' } }),
    ];
    expect(await refusal({ messaging: false, imports })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/default and b have the same store/),
    });
  });

  it('forRootAsync takes exactly one way to make its options', () => {
    const both = { useFactory: () => ({}), useExisting: 'x' };
    expect(() => MessagingModule.forRootAsync({})).toThrow(/exactly one of useFactory, useClass and useExisting/);
    expect(() => MessagingModule.forRootAsync(both)).toThrow(/exactly one/);
    expect(() => MessagingModule.forRootAsync({ useFactroy: 1 } as never)).toThrow(/unknown option "useFactroy"/);
  });

  it('forRoot takes an object, and isGlobal is true or false', () => {
    expect(() => MessagingModule.forRoot(null as never)).toThrow(/the options must be an object, not null/);
    expect(() => MessagingModule.forRoot([] as never)).toThrow(/the options must be an object, not an array/);
    expect(() => MessagingModule.forRoot({ isGlobal: 'no' as never })).toThrow(/isGlobal must be true or false/);
  });

  it('what useClass names must make options', async () => {
    class Nothing {}
    const imports = [MessagingModule.forRootAsync({ useClass: Nothing as never })];
    expect(await refusal({ messaging: false, imports })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/has no method createMessagingOptions/),
    });
  });

  it('only methods of instances can listen', () => {
    expect(() => {
      class Static {
        @MessageListener('x')
        static handle(): void {}
      }
      return Static;
    }).toThrow(/Static\.handle: only methods of instances/);
    expect(() => {
      class Accessor {
        @MessageListener('x')
        get handle(): string {
          return '';
        }
      }
      return Accessor;
    }).toThrow(/only methods of instances/);
  });
});
