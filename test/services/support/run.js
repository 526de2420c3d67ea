// The starters of the services themselves: `node test/services/support/run.js`, after `node scripts/build.js test`.
import { runSpecs } from './run-specs.js';

await runSpecs(import.meta.url, ['redis', 'postgres', 'mariadb']);
