import { ExtensionProperty, getProperty, LIMITS, MessagingError, PropertyName } from '../../protocol/index.js';
import type { DedupPlace, MessageStore, StoreMessage, TopicConfig } from '../../store/index.js';

/** Duplicates that may wait for messages on their way to the disk, and what their bodies may take of the memory meanwhile. */
const MOST_WAITING = 10_000;
const MOST_WAITING_BYTES = 32 * 1024 * 1024;

/** What became of a send with an id. */
export interface FilteredSend {
  readonly place: DedupPlace;
  /** True when another message with this id was there before: nothing was stored. */
  readonly duplicate: boolean;
}

export type FilteredDone = (error: MessagingError | undefined, sent: FilteredSend | undefined) => void;

interface Attempt {
  readonly message: StoreMessage;
  /** Of the queue that the producer is told about: a parked message lies in another one. */
  readonly queueId: number;
  readonly uniqueKey: string;
  readonly done: FilteredDone;
}

/**
 * Stores of all messages with one id the first, and tells the others where that one lies. One that comes while the first
 * is on its way to the disk waits for it: if that one fails, the next is tried.
 */
export class DuplicateFilter {
  /** By topic and id: those that wait for the one on its way. */
  private readonly underWay = new Map<string, Attempt[]>();
  private waiting = 0;
  private waitingBytes = 0;
  /** Sends that were not stored because their id was known. */
  duplicates = 0;

  constructor(private readonly store: MessageStore) {}

  /**
   * @param message As it is to be stored, parked if it is delayed.
   * @throws MessagingError PROPERTIES_INVALID, BROKER_BUSY.
   */
  send(topic: TopicConfig, queueId: number, message: StoreMessage, done: FilteredDone): void {
    const { properties } = message;
    const id = getProperty(properties, ExtensionProperty.DEDUP_ID) ?? '';
    checkId(topic, id);
    const uniqueKey = getProperty(properties, PropertyName.UNIQUE_KEY) ?? '';
    const known = this.store.dedup.find(topic, id);
    if (known !== undefined) return this.tell({ message, queueId, uniqueKey, done }, known);
    const key = `${topic.number} ${id}`;
    const waiting = this.underWay.get(key);
    if (waiting === undefined) {
      this.underWay.set(key, []);
      this.put(key, { message, queueId, uniqueKey, done });
      return;
    }
    if (this.waiting >= MOST_WAITING || this.waitingBytes + message.body.length > MOST_WAITING_BYTES) {
      throw new MessagingError(
        'BROKER_BUSY',
        `${this.waiting} duplicates of ${this.waitingBytes} bytes wait for messages that are on their way to the disk. ` +
          'Send again later.',
      );
    }
    this.waiting++;
    this.waitingBytes += message.body.length;
    waiting.push({ message, queueId, uniqueKey, done });
  }

  private waitsNoMore({ message }: Attempt): void {
    this.waiting--;
    this.waitingBytes -= message.body.length;
  }

  private put(key: string, first: Attempt): void {
    this.store.put(first.message, (error, result) => {
      const waiting = this.underWay.get(key)!;
      if (error !== undefined) {
        const next = waiting.shift();
        if (next === undefined) this.underWay.delete(key);
        else {
          this.waitsNoMore(next);
          this.put(key, next);
        }
        first.done(error, undefined);
        return;
      }
      // The store's window knows the id from here on: it has seen the record before this is called.
      this.underWay.delete(key);
      for (const attempt of waiting) this.waitsNoMore(attempt);
      const { physicalOffset, queueOffset, storeTimestamp } = result!;
      const { queueId, uniqueKey } = first;
      const place: DedupPlace = { physicalOffset, queueId, queueOffset, storedAt: storeTimestamp, uniqueKey };
      first.done(undefined, { place, duplicate: false });
      for (const attempt of waiting) this.tell(attempt, place);
    });
  }

  /** A message that its producer sends once more, because it has not heard of the first time, is no duplicate of itself. */
  private tell({ uniqueKey, done }: Attempt, place: DedupPlace): void {
    const duplicate = place.uniqueKey !== uniqueKey;
    if (duplicate) this.duplicates++;
    done(undefined, { place, duplicate });
  }
}

function checkId(topic: TopicConfig, id: string): void {
  if (topic.dedup === undefined) {
    throw new MessagingError(
      'PROPERTIES_INVALID',
      `A message to topic ${topic.name} has a de-duplication id, and the topic does not de-duplicate. ` +
        'Give the topic `dedup: { window, count }` in `broker.topics`, or leave the id out.',
    );
  }
  const bytes = Buffer.byteLength(id);
  if (bytes === 0 || bytes > LIMITS.dedupIdBytes) {
    throw new MessagingError(
      'PROPERTIES_INVALID',
      `The de-duplication id of a message to topic ${topic.name} has ${bytes} bytes; 1 to ${LIMITS.dedupIdBytes} are allowed.`,
    );
  }
}
