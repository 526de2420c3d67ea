/** What is printed while the rows run. A peer that fails joins what is missing, a row of ours what is broken. */
export function progress(print, missing, broken) {
  return {
    row: ({ title, processes, spec }, { windows, seconds, warmUpSeconds }) =>
      print(
        `\n# ${title}${spec.inFlight ? `, ${spec.inFlight} in flight` : ''}: ${warmUpSeconds} s to warm up, then ${windows} x ${seconds} s${processes ? ` (${processes})` : ''}`,
      ),
    windows: (windows, who = '') => {
      const name = who === '' ? '' : `${who} `.padEnd(30);
      if (windows[0].p50 === undefined)
        print(`  ${name}${windows.map(({ perSecond }) => (perSecond / 1000).toFixed(1)).join(', ')} k/s`);
      else
        print(`  ${name}p50/p99 ${windows.map(({ p50, p99 }) => `${p50.toFixed(2)}/${p99.toFixed(2)}`).join(', ')} ms`);
    },
    subject: (name, { durability }) => print(`\nopen: ${name} (${durability})`),
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
