export { startMariaDb } from './mariadb.js';
export { startPostgres } from './postgres.js';
export { leftOut, say } from './printing.js';
export { startRedis } from './redis.js';
export { MissingServiceError, type Service, type ServiceOptions } from './service.js';
export { type ServiceName, missingServices } from './missing.js';
