import { joinedProperties } from '../protocol/index.js';
import type { DispatchEntry } from './types.js';

/** One for all records of a dispatcher: a hot object that keeps its shape and costs no allocation. */
class Entry implements DispatchEntry {
  topic = '';
  queueId = 0;
  queueOffset = 0;
  physicalOffset = 0;
  size = 0;
  tagsCode = 0;
  storeTimestamp = 0;
  sysFlag = 0;
  idBegin = '';
  idEnd = 0;
  rest: string | undefined = undefined;
  private text = '';

  get properties(): string {
    return this.rest === undefined ? this.text : joinedProperties(this.idBegin, this.idEnd, this.rest);
  }

  set properties(text: string) {
    this.text = text;
    this.rest = undefined;
  }
}

export function emptyDispatchEntry(): DispatchEntry {
  return new Entry();
}
