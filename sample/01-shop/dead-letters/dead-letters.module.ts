import { Module } from '@nestjs/common';
import { DeadLettersListener } from './dead-letters.listener.js';

@Module({ providers: [DeadLettersListener] })
export class DeadLettersModule {}
