import { Injectable } from '@nestjs/common';
import { MessageListener, type MessageContext } from 'nestmq';
import { Ledger } from '../billing/ledger.js';
import { invoiceKey } from '../orders/order.dto.js';
import { PaymentDueDto } from './payment-due.dto.js';

/** How long a guest has to pay. A real shop would say '30m'. */
export const PAYMENT_TERM = '1s';

/** Nobody pays during a replay: every guest order runs into its time-out, which is booked once. */
@Injectable()
export class PaymentsListener {
  constructor(private readonly ledger: Ledger) {}

  @MessageListener({ topic: 'payments', tag: 'due', group: 'payments' })
  async onDue({ day, invoice }: PaymentDueDto, context: MessageContext): Promise<void> {
    const key = `${invoiceKey({ day, invoice })}/payment-due`;
    await this.ledger.book(context.message, [{ kind: 'payment-due', key, day, invoice }]);
  }
}
