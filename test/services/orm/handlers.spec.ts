import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type INestApplicationContext, Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Idempotent,
  type MessageContext,
  MessageListener,
  MessageListenerRegistry,
  MessagingTemplate,
} from '../../../lib/index.js';
import { leftOut, type Service, startMariaDb, startPostgres } from '../support/index.js';
import { type Scene, type SceneKind, SCENES } from './scenes.js';

// Two databases are made and started first.
jest.setTimeout(180_000);

/** Handlers of one ORM; their first attempt at a booking may be told to fail at its end. */
function bookersOf(scene: Scene): Type[] {
  @Injectable()
  class Booker {
    @MessageListener({ topic: 'bookings', group: 'booker', backoff: [10] })
    @Idempotent({ key: 'keys' })
    async book({ id, fails }: { id: string; fails?: boolean }, context: MessageContext) {
      await scene.book(id, context.transaction);
      if (fails && context.attempt === 1) throw new Error('no more paper');
    }
  }

  @Injectable()
  class Secretive {
    @MessageListener({ topic: 'secrets', group: 'secretive', backoff: [10] })
    @Idempotent({ key: 'keys' })
    async book({ id }: { id: string }, context: MessageContext) {
      await scene.book(id, context.transaction);
      if (context.attempt === 1) await scene.blunder(context.transaction).catch(() => 'kept to itself');
    }
  }

  @Injectable()
  class Careless {
    @MessageListener({ topic: 'careless', group: 'careless', backoff: [10] })
    @Idempotent({ key: 'keys' })
    async book({ id }: { id: string }, context: MessageContext) {
      await scene.bookOutside(id);
      if (context.attempt === 1) throw new Error('no more paper');
    }
  }
  return [Booker, Secretive, Careless];
}

function showHandledOnce(kind: SceneKind, service: () => Service): void {
  describe(`handlers with ${kind.name}`, () => {
    let scene: Scene;
    let app: INestApplicationContext;
    beforeEach(async () => {
      scene = await kind.open(service());
      @Module({ imports: scene.imports, providers: bookersOf(scene) })
      class Application {}
      app = await NestFactory.createApplicationContext(Application, { logger: false });
    });
    afterEach(async () => {
      await app?.close();
      await scene?.close();
    });

    const send = async (topic: string, ...bookings: { id: string; fails?: boolean }[]) => {
      for (const booking of bookings) await app.get(MessagingTemplate).syncSend(topic, booking, { keys: booking.id });
    };
    const outcomes = (group: string) =>
      app
        .get(MessageListenerRegistry)
        .list()
        .find((listener) => listener.group === group)!.idempotency!.counts;
    /** Waits until the group has come to so many outcomes. */
    const until = async (group: string, acquired: number, skipped: number) => {
      const done = () => outcomes(group).acquired >= acquired && outcomes(group).skipped >= skipped;
      const end = performance.now() + 60_000;
      while (!done() && performance.now() < end) await setTimeout(10);
    };
    const booked = async () => (await scene.booked()).toSorted();

    it('are called once for a message that comes again and again', async () => {
      for (let times = 0; times < 4; times++) await send('bookings', { id: 'a' }, { id: 'b' });
      await until('booker', 2, 6);
      expect(outcomes('booker')).toMatchObject({ acquired: 2, skipped: 6, 'store-error': 0 });
      expect(await booked()).toEqual(['a', 'b']);
    });

    it('leave nothing behind when they fail, neither their writes nor the mark', async () => {
      await send('bookings', { id: 'a', fails: true }, { id: 'b' });
      await until('booker', 3, 0);
      await send('bookings', { id: 'a' }, { id: 'b' });
      await until('booker', 3, 2);
      expect(outcomes('booker')).toMatchObject({ acquired: 3, skipped: 2 });
      expect(await booked()).toEqual(['a', 'b']);
    });

    it('are not taken for done when they keep a failed statement to themselves', async () => {
      await send('secrets', { id: 'a' });
      const end = performance.now() + 60_000;
      while ((await booked()).length === 0 && performance.now() < end) await setTimeout(10);
      await send('secrets', { id: 'a' });
      await until('secretive', 1, 1);
      expect(await booked()).toEqual(['a']);
    });

    it('book twice what they write past the transaction: the mark protects what is written with it', async () => {
      await send('careless', { id: 'a' });
      await until('careless', 2, 0);
      await send('careless', { id: 'a' });
      await until('careless', 2, 1);
      expect(await booked()).toEqual(['a', 'a']);
    });
  });
}

let services: Record<'postgres' | 'mariadb', Service>;
beforeAll(async () => {
  const [postgres, mariadb] = await Promise.all([startPostgres(), startMariaDb()]);
  services = { postgres, mariadb };
});
afterAll(() => Promise.all(Object.values(services).map((service) => service.stop())));

afterAll(() =>
  leftOut(
    'a client generated by Prisma',
    "generating one downloads Prisma's engine, which does not work offline; its documented interface over pg is shown instead",
  ),
);

for (const kind of SCENES) showHandledOnce(kind, () => services[kind.on]);
