import { Injectable, ParseIntPipe, UsePipes, ValidationPipe } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { IsInt, IsString } from 'class-validator';
import { Ctx, MessageContext, MessageListener, MessagingTemplate, Payload } from '../../lib/index.js';
import { closeApplications, startApplication } from './support/application.js';
import { DeadLetterReader } from './support/dead-letters.js';
import { until } from './support/until.js';

const readers: DeadLetterReader[] = [];
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
  await closeApplications();
});

class OrderDto {
  @IsString()
  id!: string;
  @IsInt()
  amount!: number;
}

const seen: unknown[][] = [];

@Injectable()
class Plain {
  @MessageListener({ topic: 'orders', group: 'validated' })
  handle(order: OrderDto, context: MessageContext): void {
    seen.push([order, context]);
  }
}

@Injectable()
class Decorated {
  @MessageListener({ topic: 'orders', group: 'validated' })
  handle(@Ctx() context: MessageContext, @Payload() order: OrderDto): void {
    seen.push([order, context]);
  }
}

@Injectable()
class OwnPipe {
  @MessageListener({ topic: 'orders', group: 'validated' })
  handle(@Payload(new ValidationPipe({ transform: true })) order: OrderDto, @Ctx() context: MessageContext): void {
    seen.push([order, context]);
  }
}

describe('validation of payloads', () => {
  it.each([
    ['without parameter decorators', Plain, true],
    ['with @Payload and @Ctx in any order', Decorated, true],
    ['with a pipe of the parameter', OwnPipe, false],
  ])('a handler %s gets an instance, and a bad payload goes to the dead letters', async (_form, Listener, global) => {
    seen.length = 0;
    const app = await startApplication({
      providers: [Listener],
      configure: (created) => void (global && created.useGlobalPipes(new ValidationPipe({ transform: true }))),
    });
    const reader = await DeadLetterReader.open(app, 'validated');
    readers.push(reader);
    const template = app.get(MessagingTemplate);
    await template.syncSend('orders', { id: 17, amount: 'much' });
    await template.syncSend('orders', { id: 'a', amount: 3 });
    await until(() => seen.length === 1 && reader.letters.length === 1, 'both messages');
    const [order, context] = seen[0]!;
    expect(order).toBeInstanceOf(OrderDto);
    expect(order).toEqual({ id: 'a', amount: 3 });
    expect(context).toBeInstanceOf(MessageContext);
    expect(reader.letters[0]).toMatchObject({ errorClass: 'BadRequestException', attempts: 1 });
  });

  it('a pipe of the method applies to the payload and leaves the context alone', async () => {
    seen.length = 0;
    @Injectable()
    class Numbers {
      @MessageListener('numbers')
      @UsePipes(ParseIntPipe)
      handle(n: unknown, context: MessageContext): void {
        seen.push([n, context.attempt]);
      }
    }
    const app = await startApplication({ providers: [Numbers] });
    await app.get(MessagingTemplate).syncSend('numbers', '42');
    await until(() => seen.length === 1, 'the number');
    expect(seen).toEqual([[42, 1]]);
  });

  it('@Payload with a property gives that property through the pipes', async () => {
    seen.length = 0;
    @Injectable()
    class Property {
      @MessageListener('numbers')
      handle(@Payload('count', ParseIntPipe) count: number, @Payload() all: object): void {
        seen.push([count, all]);
      }
    }
    const app = await startApplication({ providers: [Property] });
    await app.get(MessagingTemplate).syncSend('numbers', { count: '42' });
    await until(() => seen.length === 1, 'the number');
    expect(seen).toEqual([[42, { count: '42' }]]);
  });
});
