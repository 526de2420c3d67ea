import { readFileSync } from 'node:fs';

export interface Block {
  /** The heading that it stands under, and its place in the file. */
  name: string;
  line: number;
  code: string;
  /** What the text block right after it says that it prints. */
  prints: string | undefined;
}

/** Every fenced `ts` block of a Markdown file, in order. */
export function readBlocks(path: string): Block[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const blocks: Block[] = [];
  let heading = '';
  let after: Block | undefined;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (/^#+ /.test(line)) heading = line.replace(/^#+ /, '');
    const fence = /^```(\w*)$/.exec(line);
    if (fence === null) {
      if (line.trim() !== '' && !/^prints?:?$/i.test(line.trim())) after = undefined;
      continue;
    }
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`${path}:${at + 1}: a block without an end`);
    const code = lines.slice(at + 1, end).join('\n');
    if (fence[1] === 'text' && after !== undefined) after.prints = code;
    after = undefined;
    if (fence[1] === 'ts') {
      after = { name: heading, line: at + 1, code, prints: undefined };
      blocks.push(after);
    }
    at = end;
  }
  return blocks;
}
