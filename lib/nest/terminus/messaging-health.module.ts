import { Module } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { MessagingCoreModule } from '../messaging-core.module.js';
import { MessagingHealthIndicator } from './messaging-health.indicator.js';

/**
 * Provides `MessagingHealthIndicator`.
 *
 * @publicApi
 */
@Module({
  imports: [MessagingCoreModule],
  providers: [HealthIndicatorService, MessagingHealthIndicator],
  exports: [MessagingHealthIndicator],
})
export class MessagingHealthModule {}
