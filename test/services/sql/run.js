// The inbox, the store with leases and the migrations on real databases: `node test/services/sql/run.js`, after
// `node scripts/build.js test`.
import { runSpecs } from '../support/run-specs.js';

await runSpecs(import.meta.url, ['postgres', 'mariadb']);
