/** What is printed while the rows run. A peer that fails joins what is missing, a row of ours what is broken. */
export function progress(print, missing, broken) {
  return {
    row: ({ title, processes, spec }, { runs, seconds }) =>
      print(
        `\n# ${title}${spec.inFlight ? `, ${spec.inFlight} in flight` : ''}: ${runs} x ${seconds} s${processes ? ` (${processes})` : ''}`,
      ),
    run: ({ perSecond, p50, p99 }, who = '') => {
      const figure =
        p50 === undefined
          ? `${(perSecond / 1000).toFixed(1)} k/s`
          : `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
      print(`  ${who.padEnd(who === '' ? 0 : 28)}${figure}`);
    },
    subject: (name, { durability }) => print(`open: ${name} (${durability})`),
    broken: (what, error) => {
      broken.push(`${what}: ${error.message.split('\n')[0]}`);
      print(`broken: ${what}: ${error.stack}`);
    },
    failed: (what, error) => {
      // The message of a program that ended has its whole output behind the first line.
      missing.push(`${what}: ${error.message.split('\n')[0]}`);
      print(`failed: ${what}: ${error.stack}`);
    },
  };
}
