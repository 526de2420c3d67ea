import { MessagingError } from './errors.js';
import { DEAD_LETTER_PREFIX, isSystemTopic, RETRY_PREFIX } from './names.js';
import { getProperty, setProperty } from './properties.js';
import { PropertyName } from './property-names.js';
import { ExtensionProperty } from './extensions.js';

const SEPARATOR = '%';
const NAME = /^[a-zA-Z0-9_-]{1,60}$/;
const SYSTEM_GROUP_PREFIX = 'CID_RMQ_SYS_';
/** Every broker has it, for administration. */
const TOOLS_GROUP = 'TOOLS_CONSUMER';
const KNOWN_LIMIT = 10_000;

/** Properties whose value is the name of a topic or of a group. */
const NAMING_PROPERTIES: readonly string[] = [
  PropertyName.RETRY_TOPIC,
  PropertyName.REAL_TOPIC,
  PropertyName.PRODUCER_GROUP,
  PropertyName.DLQ_ORIGIN_TOPIC,
  ExtensionProperty.DLQ_TOPIC,
];

/**
 * Names as one namespace sees them, and as brokers do, by RocketMQ's rules:
 *
 * | here           | at the broker     |
 * |----------------|-------------------|
 * | `topic`        | `ns%topic`        |
 * | `%RETRY%group` | `%RETRY%ns%group` |
 * | `%DLQ%group`   | `%DLQ%ns%group`   |
 * | a system topic | the same          |
 */
export class Namespace {
  private readonly prefix: string;
  private readonly topics = new Map<string, string>();
  private readonly mention: RegExp;

  /** Throws CONFIGURATION for a name that would not stay what it is inside others. */
  constructor(readonly name: string) {
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw new MessagingError(
        'CONFIGURATION',
        `The namespace must be a name of 1 to 60 letters, digits, "_" and "-", not ${JSON.stringify(name)}.`,
      );
    }
    this.prefix = name + SEPARATOR;
    // Behind `%RETRY%` and `%DLQ%`, but not in the middle of another name.
    this.mention = new RegExp(`(?<![a-zA-Z0-9_|-])${name}${SEPARATOR}`, 'g');
  }

  /** The topic's name at the broker; one that is wrapped already stays as it is. */
  wrapTopic(topic: string): string {
    const known = this.topics.get(topic);
    if (known !== undefined) return known;
    const wrapped = isSystemTopic(topic) ? topic : this.wrap(topic);
    // Bounded, since names may be made up per message.
    if (this.topics.size >= KNOWN_LIMIT) this.topics.clear();
    this.topics.set(topic, wrapped);
    return wrapped;
  }

  wrapGroup(group: string): string {
    return group.startsWith(SYSTEM_GROUP_PREFIX) || group === TOOLS_GROUP ? group : this.wrap(group);
  }

  /** What users call it; a name of another namespace, or of none, stays as it is. */
  unwrap(name: string): string {
    const start = afterKind(name);
    return name.startsWith(this.prefix, start) ? name.slice(0, start) + name.slice(start + this.prefix.length) : name;
  }

  /** Whether a name at the broker is one of this namespace. */
  owns(name: string): boolean {
    return name.startsWith(this.prefix, afterKind(name));
  }

  /** The names in a properties string as users call them. */
  unwrapProperties(properties: string): string {
    // Of most messages no property names anything: one scan, and nothing is taken apart.
    if (!properties.includes(this.prefix)) return properties;
    return renamed(properties, (name) => this.unwrap(name));
  }

  wrapProperties(properties: string): string {
    return renamed(properties, (name) => this.wrapTopic(name));
  }

  /** A text for people without the namespace before names. */
  unwrapText(text: string): string {
    return text.includes(this.prefix) ? text.replace(this.mention, '') : text;
  }

  private wrap(name: string): string {
    const start = afterKind(name);
    return name.startsWith(this.prefix, start) ? name : name.slice(0, start) + this.prefix + name.slice(start);
  }
}

/** Where the name itself begins in `%RETRY%name` and `%DLQ%name`. */
function afterKind(name: string): number {
  if (name.startsWith(RETRY_PREFIX)) return RETRY_PREFIX.length;
  return name.startsWith(DEAD_LETTER_PREFIX) ? DEAD_LETTER_PREFIX.length : 0;
}

function renamed(properties: string, nameOf: (name: string) => string): string {
  let text = properties;
  for (const property of NAMING_PROPERTIES) {
    const name = getProperty(text, property);
    if (name === undefined) continue;
    const other = nameOf(name);
    if (other !== name) text = setProperty(text, property, other);
  }
  return text;
}
