/** A line of the run, without the frame that jest draws around what `console.log` prints. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Names a check that was not made. */
export function leftOut(what: string, why: string): void {
  say(`left out: ${what} (${why})`);
}
