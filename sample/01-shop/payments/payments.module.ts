import { Module } from '@nestjs/common';
import { PaymentsListener } from './payments.listener.js';

@Module({ providers: [PaymentsListener] })
export class PaymentsModule {}
