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

/** What records with the same rest of their properties, of topics whose names are equally long, have in common; see PropertyParts. */
export interface Likeness {
  readonly stencil: RecordStencil;
  readonly rest: string;
  readonly tagsCode: number;
}

/** Finds what a message has in common with those before it. */
export class Stencils {
  /** By the length of the topic's name; null where a stencil does not fit. */
  private readonly byRest = new Map<string, (Likeness | null | undefined)[]>();
  private kept = 0;
  private misses = 0;
  private lastTopic = '';
  private lastApart = false;
  private lastLength = -1;
  private lastRest = '';
  private last: Likeness | undefined;

  constructor(private readonly storeHost: string) {}

  /**
   * Undefined for a message that is written, and taken up by all that follows the log, field by field.
   * @param topicBytes length of the topic in UTF-8.
   */
  of(topic: string, topicBytes: number, message: StoreMessage): Likeness | undefined {
    const { rest } = message;
    if (rest === undefined) return undefined;
    if ((message.flag | message.sysFlag | message.reconsumeTimes) !== 0 || message.preparedTransactionOffset !== 0)
      return undefined;
    if (topic !== this.lastTopic) {
      this.lastTopic = topic;
      // What hidden topics keep beside a record is not the tag. Of others only the length counts, if they are ASCII.
      this.lastApart = topicBytes !== topic.length || isHiddenTopic(topic);
    }
    if (this.lastApart) return undefined;
    if (topicBytes !== this.lastLength || rest !== this.lastRest) {
      this.last = this.find(topicBytes, rest, message);
      this.lastLength = topicBytes;
      this.lastRest = rest;
    }
    return this.last;
  }

  private find(topicLength: number, rest: string, message: StoreMessage): Likeness | undefined {
    const known = this.byRest.get(rest)?.[topicLength];
    if (known !== undefined) return known ?? undefined;
    if (this.kept >= MOST) {
      if (++this.misses < MOST_MISSES) return undefined;
      this.byRest.clear();
      this.kept = this.misses = 0;
    }
    const made = this.make(topicLength, rest, message);
    let lengths = this.byRest.get(rest);
    if (lengths === undefined) this.byRest.set(rest, (lengths = []));
    lengths[topicLength] = made ?? null;
    this.kept++;
    return made;
  }

  private make(topicLength: number, rest: string, { idBegin }: StoreMessage): Likeness | undefined {
    if ([...decodeProperties(joinedProperties('', 0, rest)).keys()].some(isLookedFor)) return undefined;
    if (!RecordStencil.fits(topicLength, rest, this.storeHost)) return undefined;
    const stencil = new RecordStencil(topicLength, idBegin!, rest, this.storeHost);
    return { stencil, rest, tagsCode: tagsCode(rest) };
  }
}

/** Whether something that follows the log looks for a property of this name: the index for keys, timers for what settles them. */
function isLookedFor(name: string): boolean {
  return name === PropertyName.KEYS || (name.startsWith(EXTENSION_PREFIX) && name !== ExtensionProperty.CONTENT_TYPE);
}
