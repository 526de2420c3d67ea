import {
  decodeProperties,
  EXTENSION_PREFIX,
  ExtensionProperty,
  isHiddenTopic,
  joinedProperties,
  PropertyName,
  RecordStencil,
  tagsCode,
} from '../../protocol/index.js';
import type { StoreMessage } from '../types.js';

/** Stencils that are kept: 2 KiB each. */
const MOST = 64;
/** So many messages find no room for theirs before all make room. */
const MOST_MISSES = 4096;

/** What records of one topic with the same rest of their properties have in common; see PropertyParts. */
export interface Likeness {
  readonly stencil: RecordStencil;
  readonly rest: string;
  readonly tagsCode: number;
}

/** Finds what a message has in common with those before it. */
export class Stencils {
  private readonly byRest = new Map<string, Map<string, Likeness | undefined>>();
  private kept = 0;
  private misses = 0;
  private lastTopic = '';
  private lastRest = '';
  private last: Likeness | undefined;

  constructor(private readonly storeHost: string) {}

  /** Undefined for a message that is written, and taken up by all that follows the log, field by field. */
  of(topic: string, message: StoreMessage): Likeness | undefined {
    const { rest } = message;
    if (rest === undefined) return undefined;
    if ((message.flag | message.sysFlag | message.reconsumeTimes) !== 0 || message.preparedTransactionOffset !== 0)
      return undefined;
    if (topic !== this.lastTopic || rest !== this.lastRest) {
      this.last = this.find(topic, rest, message);
      this.lastTopic = topic;
      this.lastRest = rest;
    }
    return this.last;
  }

  private find(topic: string, rest: string, message: StoreMessage): Likeness | undefined {
    const known = this.byRest.get(rest);
    const likeness = known?.get(topic);
    if (likeness !== undefined || known?.has(topic) === true) return likeness;
    if (this.kept >= MOST) {
      if (++this.misses < MOST_MISSES) return undefined;
      this.byRest.clear();
      this.kept = this.misses = 0;
    }
    const made = this.make(topic, rest, message);
    let topics = this.byRest.get(rest);
    if (topics === undefined) this.byRest.set(rest, (topics = new Map<string, Likeness | undefined>()));
    topics.set(topic, made);
    this.kept++;
    return made;
  }

  private make(topic: string, rest: string, { idBegin, bornHost }: StoreMessage): Likeness | undefined {
    // What hidden topics keep beside a record is not the tag.
    if (isHiddenTopic(topic) || [...decodeProperties(joinedProperties('', 0, rest)).keys()].some(isLookedFor))
      return undefined;
    if (!RecordStencil.fits(topic, rest, this.storeHost, bornHost)) return undefined;
    const stencil = new RecordStencil(topic, idBegin!, rest, this.storeHost, bornHost);
    return { stencil, rest, tagsCode: tagsCode(rest) };
  }
}

/** Whether something that follows the log looks for a property of this name: the index for keys, timers for what settles them. */
function isLookedFor(name: string): boolean {
  return name === PropertyName.KEYS || (name.startsWith(EXTENSION_PREFIX) && name !== ExtensionProperty.CONTENT_TYPE);
}
