import { Module } from '@nestjs/common';
import { QuotesController } from './quotes.controller.js';
import { QuotesListener } from './quotes.listener.js';
import { QuotesService } from './quotes.service.js';

@Module({ controllers: [QuotesController], providers: [QuotesListener, QuotesService], exports: [QuotesService] })
export class QuotesModule {}
