// One function a rule; each returns its findings as `{ file, line, rule, message }`. Paths are relative to lib/.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { FLOORS, MAX_LINES, MAY_BLOCK, NEST_ROOMS, SEALED_ROOMS, SUB_PATHS } from './house.js';
import { lineAt } from './source.js';

const BUILTINS = new Set(builtinModules.filter((name) => !name.startsWith('_')));
const SEALED_MODULES = [
  'fs',
  'net',
  'timers',
  'tls',
  'dgram',
  'http',
  'https',
  'http2',
  'child_process',
  'worker_threads',
  'perf_hooks',
];
const SEALED_WORDS = [
  [/\bDate\s*\.\s*now\b/g, 'Date.now'],
  [/\bnew\s+Date\s*(?:\(\s*\)|(?!\s*\())(?![\w$])/g, 'new Date()'],
  [/(?<!new\s+|[\w$.]\s*)\bDate\s*\(/g, 'Date()'],
  [/(?<![\w$]\s*\.\s*)\b(?:set|clear)(?:Timeout|Interval|Immediate)\b/g, 'a timer'],
  [/\bglobalThis\s*\.\s*(?:set|clear)(?:Timeout|Interval|Immediate)\b/g, 'a timer'],
  [/\bMath\s*\.\s*random\b/g, 'Math.random'],
  [/\bprocess\s*\.\s*(?:hrtime|uptime|nextTick)\b/g, 'the clock of the process'],
  [/\bperformance\s*\.\s*now\b/g, 'performance.now'],
  [/\brandom(?:UUID|Bytes|Int|FillSync)\s*\(/g, 'chance of node:crypto'],
  [/\bAbortSignal\s*\.\s*timeout\b/g, 'AbortSignal.timeout'],
];
const SYNC_CALLS = [...Object.keys(fs), ...Object.keys(childProcess)].filter((name) => name.endsWith('Sync'));
const SYNC_CALL = new RegExp(`\\b(?:${SYNC_CALLS.join('|')})\\b`, 'g');

export const roomOf = (file) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '');
const isRelative = (specifier) => specifier.startsWith('.');

/** The file of the tree that a relative import of `from` means, or undefined when it leaves lib/. */
export function resolveImport(from, specifier) {
  const path = posix.normalize(posix.join(posix.dirname(from), specifier));
  return path.startsWith('..') ? undefined : path.replace(/\.js$/, '.ts');
}

export function floors(file, { imports }) {
  const room = roomOf(file);
  const findings = [];
  if (room !== '' && FLOORS[room] === undefined) {
    return [
      { file, line: 1, rule: 'floors', message: `lib/${room} has no floor; give it one in scripts/structure/house.js` },
    ];
  }
  for (const { specifier, line } of imports.filter(({ specifier }) => isRelative(specifier))) {
    const target = resolveImport(file, specifier);
    const other = target === undefined ? undefined : roomOf(target);
    if (other === undefined) findings.push({ file, line, rule: 'floors', message: `"${specifier}" leaves lib/` });
    else if (other === room) continue;
    else if (other === '')
      findings.push({ file, line, rule: 'floors', message: `"${specifier}": nothing inside imports a public entry` });
    else if (room !== '' && !(FLOORS[other] < FLOORS[room]))
      findings.push({
        file,
        line,
        rule: 'floors',
        message: `${room} may not import from ${other}, which is not below it`,
      });
    const door = SUB_PATHS[file] === undefined ? `${other}/index.ts` : `${SUB_PATHS[file].folder}/index.ts`;
    if (other !== undefined && other !== room && other !== '' && target !== door && target !== `${other}/index.ts`)
      findings.push({ file, line, rule: 'doors', message: `"${specifier}": enter a room through its index.js` });
  }
  return findings;
}

/** A folder behind a sub-path is entered through that sub-path alone. */
export function subPaths(file, { imports }) {
  const findings = [];
  for (const { specifier, line } of imports.filter(({ specifier }) => isRelative(specifier))) {
    const target = resolveImport(file, specifier);
    for (const [entry, { folder }] of Object.entries(SUB_PATHS)) {
      if (target?.startsWith(`${folder}/`) && file !== entry && !file.startsWith(`${folder}/`))
        findings.push({ file, line, rule: 'sub-paths', message: `"${specifier}": only lib/${entry} leads there` });
    }
  }
  return findings;
}

/** What package.json exports is there, with its types beside it, and every sub-path that is there is exported. */
export function exported(manifest, files) {
  if (manifest.exports === undefined) return [];
  const findings = [];
  const refuse = (message) => findings.push({ file: 'package.json', line: 1, rule: 'exports', message });
  const entries = new Set();
  for (const [name, target] of Object.entries(manifest.exports)) {
    if (name === './package.json') continue;
    const entry = entryOf(target);
    entries.add(entry);
    if (!files.has(entry)) refuse(`${name}: lib/${entry} is not there`);
    if (target.types !== target.default?.replace(/\.js$/, '.d.ts')) refuse(`${name}: its types are of another file`);
  }
  for (const entry of Object.keys(SUB_PATHS))
    if (files.has(entry) && !entries.has(entry)) refuse(`lib/${entry} is not among the exports`);
  return findings;
}

/** The file below lib/ that an entry of package.json's exports was compiled from. */
export const entryOf = (target) =>
  String(target?.default)
    .replace(/^\.\/dist\//, '')
    .replace(/\.js$/, '.ts');

export function specifiers(file, { imports, files }) {
  const findings = [];
  for (const { specifier, line } of imports) {
    if (isRelative(specifier)) {
      const target = resolveImport(file, specifier);
      if (!specifier.endsWith('.js'))
        findings.push({ file, line, rule: 'specifiers', message: `"${specifier}" must end in .js` });
      else if (target !== undefined && !files.has(target))
        findings.push({ file, line, rule: 'specifiers', message: `"${specifier}" is not there` });
    } else if (BUILTINS.has(specifier)) {
      findings.push({ file, line, rule: 'specifiers', message: `write "node:${specifier}"` });
    }
  }
  return findings;
}

export function packages(file, { imports, declared }) {
  const room = roomOf(file);
  const findings = [];
  for (const { specifier, line, typeOnly } of imports) {
    if (isRelative(specifier) || specifier.startsWith('node:') || BUILTINS.has(specifier)) continue;
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    if (!declared.has(name))
      findings.push({ file, line, rule: 'packages', message: `${name} is neither a dependency nor a peer` });
    const folders = Object.values(SUB_PATHS).filter(({ packages: own, types = [] }) =>
      [...own, ...types].includes(name),
    );
    const home = folders.find(({ folder }) => file.startsWith(`${folder}/`));
    if (folders.length > 0 && home === undefined) {
      const where = folders.map(({ folder }) => `lib/${folder}`).join(', ');
      findings.push({ file, line, rule: 'packages', message: `${name} is only for ${where}` });
    } else if (home?.types?.includes(name) && !typeOnly)
      findings.push({
        file,
        line,
        rule: 'packages',
        message: `${name} is handed in: only \`import type\` may name it`,
      });
    const framework = name.startsWith('@nestjs/') || name === 'rxjs' || name === 'reflect-metadata';
    if (framework && !NEST_ROOMS.includes(room))
      findings.push({ file, line, rule: 'packages', message: `${room || 'an entry'} knows no Nest` });
  }
  return findings;
}

export function sealed(file, { imports, source }) {
  if (!SEALED_ROOMS.includes(roomOf(file))) return [];
  const findings = [];
  for (const { specifier, line } of imports) {
    const name = specifier.replace(/^node:/, '').split('/')[0];
    if (BUILTINS.has(name) && SEALED_MODULES.includes(name))
      findings.push({ file, line, rule: 'sealed', message: `${specifier}: use the Platform that is handed in` });
  }
  for (const [pattern, what] of SEALED_WORDS) {
    for (const match of source.code.matchAll(pattern)) {
      const line = lineAt(source.code, match.index);
      findings.push({ file, line, rule: 'sealed', message: `${what}: use the Platform that is handed in` });
    }
  }
  return findings;
}

export function blocking(file, { source }) {
  if (Object.hasOwn(MAY_BLOCK, file)) return [];
  return [...source.code.matchAll(SYNC_CALL)].map((match) => ({
    file,
    line: lineAt(source.code, match.index),
    rule: 'blocking',
    message: `${match[0]} blocks the host's event loop`,
  }));
}

export function indexes(file, { source }) {
  if (posix.basename(file) !== 'index.ts') return [];
  const rest = source.code
    .replace(/\bexport\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*"\d+"\s*;?/g, '')
    .trim();
  if (rest === '') return [];
  const line = lineAt(source.code, source.code.indexOf(rest.split('\n')[0]));
  return [{ file, line, rule: 'indexes', message: 'an index.ts only re-exports' }];
}

export function length(file, { text }) {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  return lines > MAX_LINES
    ? [{ file, line: lines, rule: 'length', message: `${lines} lines; ${MAX_LINES} are the most` }]
    : [];
}

/** Import cycles among all files, types included: each is reported once, at its alphabetically first file. */
export function cycles(graph) {
  const findings = [];
  const state = new Map();
  const path = [];
  const visit = (file) => {
    state.set(file, 'open');
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      if (state.get(next) === undefined) visit(next);
      else if (state.get(next) === 'open') {
        const cycle = path.slice(path.indexOf(next));
        const first = cycle.indexOf([...cycle].sort()[0]);
        const turned = [...cycle.slice(first), ...cycle.slice(0, first)];
        findings.push({ file: turned[0], line: 1, rule: 'cycles', message: [...turned, turned[0]].join(' -> ') });
      }
    }
    path.pop();
    state.set(file, 'done');
  };
  for (const file of [...graph.keys()].sort()) if (state.get(file) === undefined) visit(file);
  return findings;
}
