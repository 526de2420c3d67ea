// Keeps the house: floors and doors, no import cycles, sealed rooms, no blocking calls, no long files.
// `node scripts/check-structure.js [root]`; test/structure.spec.ts shows that each rule catches a broken tree.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as rules from './structure/rules.js';
import { importsOf, readSource } from './structure/source.js';

const FILE_RULES = [
  rules.floors,
  rules.subPaths,
  rules.specifiers,
  rules.packages,
  rules.sealed,
  rules.blocking,
  rules.indexes,
  rules.length,
];
/** Beside lib/ only the length counts. */
const OTHER_FOLDERS = ['scripts', 'sample', 'test'];
const NOT_OURS = new Set(['node_modules', 'dist', 'vectors', 'fixtures', '.nestmq', 'target']);

function listFiles(folder, ends, prefix = '') {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) return listFiles(join(folder, entry.name), ends, `${path}/`);
    return ends.some((end) => path.endsWith(end)) ? [path.split(sep).join('/')] : [];
  });
}

/** All findings of the tree at `root`, sorted by file and line. */
export function checkTree(root) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const declared = new Set([
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ]);
  const names = listFiles(join(root, 'lib'), ['.ts']);
  const files = new Set(names);
  const graph = new Map();
  const findings = [];
  for (const file of names) {
    const text = readFileSync(join(root, 'lib', file), 'utf8');
    const source = readSource(text);
    const imports = importsOf(source);
    const targets = imports
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ specifier }) => rules.resolveImport(file, specifier));
    graph.set(
      file,
      [...new Set(targets)].filter((target) => files.has(target)),
    );
    for (const rule of FILE_RULES) findings.push(...rule(file, { text, source, imports, files, declared }));
  }
  findings.push(...rules.cycles(graph));
  for (const finding of findings) finding.file = `lib/${finding.file}`;
  findings.push(...rules.exported(manifest, files));
  for (const folder of OTHER_FOLDERS) {
    for (const file of listFiles(join(root, folder), ['.ts', '.js'])) {
      const text = readFileSync(join(root, folder, file), 'utf8');
      findings.push(...rules.length(`${folder}/${file}`, { text }));
    }
  }
  return findings.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
  const findings = checkTree(root);
  for (const { file, line, rule, message } of findings) console.error(`${file}:${line}  ${rule}: ${message}`);
  console.log(findings.length === 0 ? 'structure: in order' : `structure: ${findings.length} findings`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
