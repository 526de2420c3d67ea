/** `nestmq/metrics`: the application's messaging as metrics for Prometheus. Needs `prom-client`. */
export * from './nest/metrics/index.js';
