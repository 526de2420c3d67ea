import { Injectable } from '@nestjs/common';
import { MessageListener, type MessageContext } from 'nestmq';
import { Ledger } from '../billing/ledger.js';

/** Dead letters are messages like others: they wait in `%DLQ%<group>`, and a listener can read them. */
@Injectable()
export class DeadLettersListener {
  constructor(private readonly ledger: Ledger) {}

  @MessageListener({ topic: '%DLQ%billing', group: 'dead-letters', from: 'earliest' })
  async fromBilling(_body: Buffer, context: MessageContext): Promise<void> {
    await this.note('billing', context);
  }

  @MessageListener({ topic: '%DLQ%warehouse', group: 'dead-letters', from: 'earliest' })
  async fromWarehouse(_body: Buffer, context: MessageContext): Promise<void> {
    await this.note('warehouse', context);
  }

  private async note(group: string, context: MessageContext): Promise<void> {
    const { message } = context;
    const name = message.systemProperty('NESTMQ_DLQ_ERROR_CLASS') ?? 'Error';
    const reason = `${name}: ${message.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE') ?? 'no reason given'}`;
    const attempts = Number(message.systemProperty('NESTMQ_DLQ_ATTEMPTS') ?? message.attempt);
    const key = `${group}/${message.keys[0] ?? message.messageId}/dead-letter`;
    await this.ledger.book(context.message, [{ kind: 'dead-letter', key, group, reason, attempts }]);
  }
}
