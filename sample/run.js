// `node sample/run.js 01-shop [flags]`: compiles the samples against the built package and runs one of them.
import { existsSync } from 'node:fs';
import { build } from '../scripts/build.js';

const [name = ''] = process.argv.splice(2, 1);
if (!/^[\w-]+$/.test(name) || !existsSync(new URL(`${name}/main.ts`, import.meta.url))) {
  throw new Error(`sample/run.js: "${name}" is not a sample; name one of the folders beside it, such as 01-shop`);
}
if (build('sample')) await import(`./dist/${name}/main.js`);
else process.exitCode = 1;
