import { LANGUAGE_OTHER } from '../protocol/index.js';

/** Java's LanguageCode: the name travels in JSON headers, the position in binary ones. */
const LANGUAGES: readonly string[] = [
  'JAVA',
  'CPP',
  'DOTNET',
  'PYTHON',
  'DELPHI',
  'ERLANG',
  'RUBY',
  'OTHER',
  'HTTP',
  'GO',
  'PHP',
  'OMS',
  'RUST',
  'NODE_JS',
];

export function languageName(language: number): string {
  return LANGUAGES[language] ?? 'OTHER';
}

/** Newer peers may name languages that we do not know: they are OTHER, not an error. */
export function languageOf(name: unknown): number {
  const position = LANGUAGES.indexOf(name as string);
  return position < 0 ? LANGUAGE_OTHER : position;
}
