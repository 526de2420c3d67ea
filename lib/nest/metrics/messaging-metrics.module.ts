import { type DynamicModule, Module } from '@nestjs/common';
import { MessagingCoreModule } from '../messaging-core.module.js';
import { MessagingMetrics, METRICS_OPTIONS } from './messaging-metrics.js';
import { checkMetricsOptions, type MessagingMetricsOptions } from './metrics-options.js';

/**
 * Metrics of all messaging connections of the application.
 *
 * @publicApi
 */
@Module({})
export class MessagingMetricsModule {
  static forRoot(options: MessagingMetricsOptions = {}): DynamicModule {
    checkMetricsOptions(options);
    return {
      module: MessagingMetricsModule,
      global: true,
      imports: [MessagingCoreModule],
      providers: [{ provide: METRICS_OPTIONS, useValue: options }, MessagingMetrics],
      exports: [MessagingMetrics],
    };
  }
}
