// The ORMs on real databases: `node test/services/orm/run.js`, after `node scripts/build.js test`.
import { runSpecs } from '../support/run-specs.js';

await runSpecs(import.meta.url, ['postgres', 'mariadb']);
