import { Module } from '@nestjs/common';
import { BillingListener } from './billing.listener.js';

@Module({ providers: [BillingListener] })
export class BillingModule {}
