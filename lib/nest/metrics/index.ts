export { MessagingMetrics } from './messaging-metrics.js';
export { MessagingMetricsModule } from './messaging-metrics.module.js';
export type { MessagingMetricsOptions } from './metrics-options.js';
