import { ConsumeMode, Ctx, MessageContext, MessageListener, Payload } from '../../../lib/index.js';

/** Compiles under strict: any handler signature is a listener. */
export class Signatures {
  @MessageListener('t')
  a(): void {}
  @MessageListener('t', 'tag')
  async b(_payload: string): Promise<number> {
    return 1;
  }
  @MessageListener('t', 'tag', 'group', ConsumeMode.ORDERLY)
  c(_payload: { id: number }, _context: MessageContext<{ id: number }>): void {}
  @MessageListener({ topic: 't', backoff: (attempt) => attempt * 100, from: 'earliest' })
  d(@Payload() _payload: Buffer, @Ctx() _context: MessageContext): void {}
  @MessageListener({ topic: 't', from: new Date(0), backoff: [200, 500], maxReconsumeTimes: 5, connection: 'default' })
  protected e(_a: number, _b?: unknown, ..._rest: unknown[]): void {}
}
