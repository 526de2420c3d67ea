import { MessagingError } from '../../protocol/index.js';
import { type BrokerSettings, resolveSettings } from '../../server/index.js';
import { UsageError } from '../failure.js';
import type { FlagValues } from '../flags/flag.js';
import { SETTING_FLAGS } from './broker-flags.js';

/** What the settings file holds, and what it is called in messages. */
export interface SettingsFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

type Tree = Record<string, unknown>;

const HOST = '127.0.0.1';
const PORT = 9876;
const SEGMENT_BYTES = 1024 ** 3;

/**
 * The settings of a broker on its own: flags (or the environment) before the file before the defaults. Two defaults differ
 * from those of a broker inside an application: it listens, and its log files have 1 GiB.
 *
 * @throws UsageError naming the flag, or the setting and its file.
 */
export function brokerSettings(values: FlagValues, file?: SettingsFile): BrokerSettings {
  if (file?.content['share'] === true) {
    throw new UsageError(
      `"share" in ${file.path} is true, but a broker on its own keeps its store to itself; others connect to its port. Leave it out.`,
    );
  }
  const content: Tree = { ...file?.content, listen: listenOf(file) };
  let settings: Tree = content;
  for (const { name, setting } of SETTING_FLAGS)
    if (values.has(name)) settings = withSetting(settings, setting.split('.'), values.get(name));
  if (settings['memory'] !== true) settings = { segmentBytes: SEGMENT_BYTES, ...settings };
  try {
    resolveSettings(settings as BrokerSettings);
  } catch (error) {
    if (!(error instanceof MessagingError)) throw error;
    throw new UsageError(inFlags(error.message, values, file));
  }
  return settings as BrokerSettings;
}

function listenOf(file: SettingsFile | undefined): unknown {
  const listen = file?.content['listen'];
  if (listen === undefined || listen === true) return { host: HOST, port: PORT };
  if (listen === false) {
    throw new UsageError(
      `"listen" in ${file!.path} is false, but a broker on its own has to listen; leave it out, or give a port or { "host", "port" }.`,
    );
  }
  if (typeof listen === 'number') return { host: HOST, port: listen };
  // Anything else is refused with the other settings.
  return typeof listen === 'object' && listen !== null ? { host: HOST, port: PORT, ...listen } : listen;
}

/** A copy with the value at this place. */
function withSetting(settings: Tree, [first, ...rest]: readonly string[], value: unknown): Tree {
  const inner = settings[first!];
  if (rest.length === 0) return { ...settings, [first!]: value };
  const below = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Tree) : {};
  return { ...settings, [first!]: withSetting(below, rest, value) };
}

/** Settings are called `broker.x.y` in messages; whoever reads this one knows flags and a file. */
export function inFlags(message: string, values: FlagValues, file: SettingsFile | undefined): string {
  const where = file?.path ?? 'The command line';
  return message
    .replace(/^broker (has|must)/, `${where} $1`)
    .replaceAll(/\bbroker\.([a-zA-Z]+(?:\.[a-zA-Z]+)*)/g, (name, path: string) => {
      const flags = SETTING_FLAGS.filter(({ setting }) => setting === path || setting.startsWith(`${path}.`));
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
