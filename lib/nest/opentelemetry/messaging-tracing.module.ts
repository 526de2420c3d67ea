import { type DynamicModule, Module } from '@nestjs/common';
import { VERSION } from '../../server/index.js';
import { ConnectionEnvironment } from '../connection/index.js';
import { MessagingCoreModule } from '../messaging-core.module.js';
import { noteIdempotency } from './idempotency-events.js';
import { MessagingTracer } from './tracer.js';
import { checkTracingOptions, type MessagingTracingOptions } from './tracing-options.js';

const INSTALLED = Symbol('nestmq:tracing');

/**
 * Traces of all messaging connections of the application: a span for every send and every delivery, and the context in the
 * properties of the messages.
 *
 * @publicApi
 */
@Module({})
export class MessagingTracingModule {
  static forRoot(options: MessagingTracingOptions = {}): DynamicModule {
    checkTracingOptions(options);
    return {
      module: MessagingTracingModule,
      imports: [MessagingCoreModule],
      providers: [
        {
          provide: INSTALLED,
          inject: [ConnectionEnvironment],
          useFactory: (environment: ConnectionEnvironment) => {
            environment.intercept((connection) => new MessagingTracer(options, connection, VERSION));
            environment.observeIdempotency(noteIdempotency);
            return true;
          },
        },
      ],
    };
  }
}
