export { mysqlAdapter, type MysqlAdapterOptions } from './mysql-adapter.js';
