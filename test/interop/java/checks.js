// What the suites with Java programs count, and what they need of the machine.
import { BUILD, isBuilt } from './nestmq.js';
import { start } from './processes.js';

export const EXIT_MISSING = 77;
export const REQUIRED = process.env.NESTMQ_REQUIRE === 'all';

export const counted = { passed: 0, failed: 0 };

export function check(name, ok, detail = '') {
  if (ok) counted.passed++;
  else {
    counted.failed++;
    console.log(`FAILED  ${name}${detail === '' ? '' : `: ${detail}`}`);
  }
}

/** Prints the counts; the exit code that they mean. */
export function conclude() {
  console.log(`${counted.passed} passed, ${counted.failed} failed`);
  return counted.failed === 0 ? 0 : 1;
}

/** Whether something is missing; then it is printed. */
export async function isIncomplete() {
  const missing = [];
  if (!isBuilt()) missing.push(`a build of the package in ${BUILD} (npm run build)`);
  for (const [name, command, args] of [
    ['a JDK (javac)', 'javac', ['-version']],
    ['Maven (mvn)', 'mvn', ['-v']],
  ]) {
    if ((await start(command, args).ended).code !== 0) missing.push(name);
  }
  for (const what of missing) console.log(`missing: ${what}`);
  return missing.length > 0;
}
