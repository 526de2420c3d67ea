import { parseArgs } from 'node:util';

const EXIT_USAGE = 2;

/** What the command line gives; ends the process with the usage for `--help`, and behind a message for what it does not know. */
export function readOptions(options, usage) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h', default: false } } });
    if (!values.help) return values;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    if (!error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
    console.error(`${error.message}\n\n${usage}`);
    process.exit(EXIT_USAGE);
  }
}
