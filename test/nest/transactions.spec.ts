import { Injectable, Module, Scope, type OnModuleDestroy, type Type } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type LocalTransaction,
  MessageListener,
  MessagingTemplate,
  TransactionListener,
  type TransactionMessage,
  TransactionState,
} from '../../lib/index.js';
import { type ApplicationSettings, closeApplications, startApplication } from './support/application.js';
import { gate, until } from './support/until.js';

const { COMMIT } = TransactionState;

afterEach(closeApplications);

async function refusal(settings: ApplicationSettings): Promise<unknown> {
  return startApplication(settings).then(
    () => 'started',
    (error: unknown) => error,
  );
}

@Injectable()
@TransactionListener('create')
class Create implements LocalTransaction<unknown, unknown> {
  readonly payloads: unknown[] = [];

  execute({ payload }: TransactionMessage): TransactionState {
    this.payloads.push(payload);
    return COMMIT;
  }
  check(): TransactionState {
    return COMMIT;
  }
}

function without(method: 'execute' | 'check'): Type {
  class Partial {
    execute? = (): TransactionState => COMMIT;
    check? = (): TransactionState => COMMIT;
  }
  class Broken extends Partial {
    constructor() {
      super();
      delete this[method];
    }
  }
  TransactionListener('create')(Broken);
  return Broken;
}

function named(name: unknown, options?: unknown): Type {
  class Named extends Create {}
  TransactionListener(name as string, options as never)(Named);
  return Named;
}

describe('@TransactionListener', () => {
  it('is found once, however many tokens and modules lead to it', async () => {
    @Module({ providers: [Create, { provide: 'ALIAS', useExisting: Create }], exports: [Create, 'ALIAS'] })
    class Feature {}
    @Module({ imports: [Feature], providers: [{ provide: 'ANOTHER', useExisting: Create }] })
    class Other {}
    const app = await startApplication({ imports: [Feature, Other] });
    const { transactionState } = await app.get(MessagingTemplate).transaction('orders', 'x', 'create');
    expect(transactionState).toBe(COMMIT);
  });

  it.each([
    ['without execute', [without('execute')], /Broken: the class must have the method execute/],
    ['without check', [without('check')], /Broken: the class must have the method check/],
    ['with the name of another', [Create, named('create')], /the transaction create has two listeners/],
    ['without a name', [named('')], /@TransactionListener on Named: name must be/],
    ['with a name that cannot be part of a group', [named('create order')], /name must be a name of letters/],
    ['on a connection that there is not', [named('other', { connection: 'billing' })], /billing/],
    ['with an unknown option', [named('other', { timeout: 5 })], /unknown option "timeout"/],
  ] as [string, Type[], RegExp][])('%s it is refused when the application starts', async (_what, providers, text) => {
    expect(await refusal({ providers })).toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(text) });
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('scope %s is refused: a check belongs to no request', async (scope) => {
    @Injectable({ scope })
    @TransactionListener('scoped')
    class Scoped extends Create {}
    expect(await refusal({ providers: [Scoped] })).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/Scoped: a broker's check belongs to no request/),
    });
  });

  it('a class is one local transaction', () => {
    expect(() => TransactionListener('again')(Create)).toThrow(/Create: a class is one local transaction/);
  });
});

describe('template.transaction', () => {
  it.each([
    ['a text', 'text', 'text'],
    ['bytes', Buffer.from([1, 2, 0]), Buffer.from([1, 2, 0])],
    ['an object', { id: 1, at: new Date(0) }, { id: 1, at: '1970-01-01T00:00:00.000Z' }],
  ])('gives %s to execute as its consumers will get it', async (_what, payload, seen) => {
    const received: unknown[] = [];
    @Injectable()
    class Listener {
      @MessageListener('orders')
      handle(body: unknown): void {
        received.push(body);
      }
    }
    const app = await startApplication({ providers: [Create, Listener] });
    await app.get(MessagingTemplate).transaction('orders', payload, 'create');
    await until(() => received.length === 1, 'the message');
    expect(app.get(Create).payloads).toEqual([seen]);
    expect(received).toEqual([seen]);
  });

  it('names the decorator and the known names when there is none of that name', async () => {
    const app = await startApplication({ providers: [Create] });
    await expect(app.get(MessagingTemplate).transaction('orders', 'x', 'cancel')).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/@TransactionListener\("cancel"\).*known: create/),
    });
  });

  it('a local transaction at work ends before what it works with closes', async () => {
    const entered = gate();
    const release = gate();
    const events: string[] = [];
    @Injectable()
    class Pool implements OnModuleDestroy {
      onModuleDestroy(): void {
        events.push('pool closed');
      }
    }
    @Injectable()
    @TransactionListener('slow')
    class Slow implements LocalTransaction {
      constructor(readonly pool: Pool) {}
      async execute(): Promise<TransactionState> {
        entered.open();
        await release.opened;
        events.push('executed');
        return COMMIT;
      }
      check(): TransactionState {
        return COMMIT;
      }
    }
    const app = await startApplication({ providers: [Pool, Slow] });
    const sent = app.get(MessagingTemplate).transaction('orders', 'x', 'slow');
    await entered.opened;
    const closing = app.close();
    await new Promise((resolve) => setImmediate(resolve));
    release.open();
    expect(await sent).toMatchObject({ transactionState: COMMIT });
    await closing;
    expect(events).toEqual(['executed', 'pool closed']);
  });
});
