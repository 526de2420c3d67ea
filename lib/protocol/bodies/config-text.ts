/** Body of the requests that read and change configuration: a line `key=value` for each, as Java's Properties has them. */
export function encodeConfigText(entries: Iterable<readonly [string, string | number | boolean]>): Buffer {
  let text = '';
  for (const [key, value] of entries) text += `${key}=${String(value)}\n`;
  return Buffer.from(text);
}

/** Lines that are empty or a comment are skipped; one without `=` has an empty value. */
export function decodeConfigText(body: Buffer): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of body.toString('utf8').split(/[\r\n]+/)) {
    const text = line.trim();
    if (text === '' || text.startsWith('#') || text.startsWith('!')) continue;
    const end = text.indexOf('=');
    entries.set((end < 0 ? text : text.slice(0, end)).trim(), end < 0 ? '' : text.slice(end + 1).trim());
  }
  return entries;
}
