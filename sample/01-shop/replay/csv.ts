/** Reads comma-separated values with quoted fields (RFC 4180). The rows keep the number of the line they began on. */
export function* parseCsv(text: string): Generator<{ line: number; fields: string[] }> {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const start = line;
    const fields: string[] = [];
    for (;;) {
      let field = '';
      if (text[at] === '"') {
        const begin = ++at;
        while (at < text.length && (text[at] !== '"' || text[at + 1] === '"')) at += text[at] === '"' ? 2 : 1;
        field = text.slice(begin, at).replaceAll('""', '"');
        line += field.split('\n').length - 1;
        at++;
      } else {
        const begin = at;
        while (at < text.length && text[at] !== ',' && text[at] !== '\n') at++;
        field = text.slice(begin, at).replace(/\r$/, '');
      }
      fields.push(field);
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (at < text.length && text[at] !== '\n') throw new Error(`line ${line}: text after a closing quote`);
    at++;
    line++;
    if (fields.length > 1 || fields[0] !== '') yield { line: start, fields };
  }
}
