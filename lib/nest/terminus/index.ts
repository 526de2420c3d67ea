export type { MessagingHealthOptions } from './health-options.js';
export { MessagingHealthIndicator } from './messaging-health.indicator.js';
export { MessagingHealthModule } from './messaging-health.module.js';
