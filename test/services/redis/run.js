// The Redis store on real servers: `node test/services/redis/run.js`, after `node scripts/build.js test`.
import { runSpecs } from '../support/run-specs.js';

await runSpecs(import.meta.url, ['redis']);
