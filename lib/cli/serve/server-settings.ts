import { MessagingError } from '../../protocol/index.js';
import { UsageError } from '../failure.js';
import type { Flag, FlagValues } from '../flags/flag.js';

/** A flag that is one of a server's settings. */
export interface SettingFlag extends Flag {
  /** Its place in the settings: `retention.ageMillis`. */
  readonly setting: string;
}

/** What the settings file holds, and what it is called in messages. */
export interface SettingsFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What kind of server is told: its settings with their flags. */
export interface ServerKind<S> {
  /** As error messages call it. */
  readonly name: 'broker' | 'nameServer';
  readonly flags: readonly SettingFlag[];
  /** Throws CONFIGURATION for settings that make no sense. */
  resolve(settings: S): unknown;
  /** Completes them with the defaults of a server on its own. */
  complete?(settings: S): S;
  /** Throws UsageError for what only a server inside an application may be told. */
  checkFile?(file: SettingsFile): void;
}

type Tree = Record<string, unknown>;

/**
 * The settings of a server on its own: flags (or the environment) before the file before the defaults. It always listens.
 *
 * @throws UsageError naming the flag, or the setting and its file.
 */
export function serverSettings<S extends object>(kind: ServerKind<S>, values: FlagValues, file?: SettingsFile): S {
  if (file !== undefined) kind.checkFile?.(file);
  let settings: Tree = { ...file?.content, listen: listenOf(file) };
  for (const { name, setting } of kind.flags)
    if (values.has(name)) settings = withSetting(settings, setting.split('.'), values.get(name));
  const complete = kind.complete?.(settings as S) ?? (settings as S);
  try {
    kind.resolve(complete);
  } catch (error) {
    if (!(error instanceof MessagingError)) throw error;
    throw new UsageError(inFlags(kind, error.message, values, file));
  }
  return complete;
}

function listenOf(file: SettingsFile | undefined): unknown {
  const listen = file?.content['listen'];
  if (listen === undefined || listen === true) return {};
  if (listen === false) {
    throw new UsageError(
      `"listen" in ${file!.path} is false, but a server on its own has to listen; leave it out, or give a port or { "host", "port" }.`,
    );
  }
  // What is neither is refused with the other settings.
  return typeof listen === 'number' ? { port: listen } : listen;
}

/** A copy with the value at this place. */
function withSetting(settings: Tree, [first, ...rest]: readonly string[], value: unknown): Tree {
  const inner = settings[first!];
  if (rest.length === 0) return { ...settings, [first!]: value };
  const below = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Tree) : {};
  return { ...settings, [first!]: withSetting(below, rest, value) };
}

/** Settings are called `broker.x.y` in messages; whoever reads this one knows flags and a file. */
export function inFlags<S>(
  { name: kind, flags: all }: ServerKind<S>,
  message: string,
  values: FlagValues,
  file: SettingsFile | undefined,
): string {
  const where = file?.path ?? 'The command line';
  return message
    .replace(new RegExp(`^${kind} (has|must)`), `${where} $1`)
    .replaceAll(new RegExp(`\\b${kind}\\.([a-zA-Z]+(?:\\.[a-zA-Z]+)*)`, 'g'), (name, path: string) => {
      const flags = all.filter(({ setting }) => setting === path || setting.startsWith(`${path}.`));
      const given = flags.filter((flag) => values.has(flag.name));
      if (given.length === 0 && file !== undefined && isSet(file.content, path.split('.')))
        return `${JSON.stringify(path)} in ${file.path}`;
      const named = given.length > 0 ? given : flags;
      if (named.length === 0 || named.length > 2) return name;
      return named.map((flag) => `--${flag.name}`).join(' and ');
    });
}

function isSet(content: unknown, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return content !== undefined;
  return typeof content === 'object' && content !== null && isSet((content as Tree)[first], rest);
}
