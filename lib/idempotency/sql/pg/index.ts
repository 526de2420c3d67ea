export { pgAdapter, type PgAdapterOptions } from './pg-adapter.js';
