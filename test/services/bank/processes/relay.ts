// Sends what the producers have committed. A lease of 2 s instead of 10, since a run waits for it after each death of a relay.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { pgAdapter } from '../../../../lib/idempotency/sql/pg/index.js';
import { MessagingModule, SqlOutbox } from '../../../../lib/index.js';
import { member, pool, ready } from './member.js';

const outbox = { store: new SqlOutbox(pgAdapter(pool)), relay: { lease: '2s' } };

@Module({ imports: [MessagingModule.forRoot({ application: 'bank', nameServer: member.nameServer, outbox })] })
class RelayModule {}

const application = await NestFactory.createApplicationContext(RelayModule, { logger: ['warn', 'error'] });
application.enableShutdownHooks();
ready();
