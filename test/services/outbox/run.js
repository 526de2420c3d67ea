// The outbox and its relays on real databases: `node test/services/outbox/run.js`, after `node scripts/build.js test`.
import { runSpecs } from '../support/run-specs.js';

await runSpecs(import.meta.url, ['postgres', 'mariadb']);
