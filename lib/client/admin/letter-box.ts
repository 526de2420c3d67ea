import { deadLetterTopic, ExtensionCode, type MessageQueue, type MessageRecord } from '../../protocol/index.js';
import { compareText } from '../connection/topic-route.js';
import type { AdminCalls } from './admin-calls.js';
import { DeadLetter, type DeadLetterState, parseLetterId } from './dead-letter.js';
import { bodyOf, PAGE, QueueReader } from './queue-reader.js';

const STATES: readonly DeadLetterState[] = ['open', 'resent', 'removed'];

/** Above this the next window of a backward scan is smaller, since a window is in memory as a whole. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const STATES_PER_REQUEST = 65_536;

/** Consecutive letters of one queue, in the order of the scan. */
export type Window = readonly DeadLetter[];

/** Where a scan begins, or goes on. */
export interface ScanStart {
  readonly order: 'newest' | 'oldest';
  /** Of the first letter to look at. */
  readonly cursor?: string;
}

/** The dead letters of one group at the moment of opening: what comes later is not seen. */
export class LetterBox {
  private constructor(
    private readonly calls: AdminCalls,
    readonly group: string,
    private readonly readers: readonly { readonly reader: QueueReader; readonly address: string }[],
  ) {}

  static async open(calls: AdminCalls, group: string): Promise<LetterBox> {
    const route = await calls.routeIfAny(deadLetterTopic(group));
    if (route === undefined) return new LetterBox(calls, group, []);
    const queues = route.readQueues.toSorted(
      (a, b) => compareText(a.brokerName, b.brokerName) || a.queueId - b.queueId,
    );
    const readers = queues.map((queue) => {
      const address = calls.master(route, queue.brokerName);
      return { reader: new QueueReader(calls, queue, address), address };
    });
    return new LetterBox(calls, group, readers);
  }

  /** Broker after broker, a window at a time. */
  async *scan({ order, cursor }: ScanStart): AsyncGenerator<Window> {
    const place = cursor === undefined ? undefined : parseLetterId(cursor);
    const readers = order === 'newest' ? this.readers.toReversed() : this.readers;
    let begun = place === undefined;
    for (const { reader, address } of readers) {
      const here = place !== undefined && isAt(reader.queue, place);
      if (!begun && !here) continue;
      begun = true;
      const [first, end] = await Promise.all([reader.minOffset(), reader.maxOffset()]);
      if (order === 'oldest') {
        yield* this.forward(reader, address, here ? Math.max(first, place.offset) : first, end);
      } else {
        yield* this.backward(reader, address, first, here ? Math.min(end - 1, place.offset) : end - 1);
      }
    }
  }

  /** Undefined when it is not there any more. */
  async find(id: string): Promise<DeadLetter | undefined> {
    const place = parseLetterId(id);
    const found = this.readers.find(({ reader }) => isAt(reader.queue, place));
    const record = await found?.reader.readOne(place.offset);
    if (found === undefined || record === undefined) return undefined;
    const [letter] = await this.letters(found.reader.queue, found.address, [record]);
    return letter;
  }

  /**
   * Durable when it resolves. False when a broker keeps no marks, as Apache's.
   * @throws MessagingError when a broker cannot be asked, or cannot write.
   */
  async mark(letters: readonly DeadLetter[], state: DeadLetterState): Promise<boolean> {
    let marked = true;
    for (const { reader, address } of this.readers) {
      const { brokerName, queueId } = reader.queue;
      const own = letters.filter(({ queue }) => queue.brokerName === brokerName && queue.queueId === queueId);
      if (own.length === 0) continue;
      const header = { consumerGroup: this.group, queueId, state: STATES.indexOf(state) };
      const body = Buffer.from(JSON.stringify(own.map(({ offset }) => offset)));
      const answer = await this.calls.askIfKnown(address, ExtensionCode.MARK_DEAD_LETTERS, header, body);
      marked &&= answer !== undefined;
    }
    return marked;
  }

  /** How many letters are kept, and how many of them are open. */
  async count(): Promise<{ kept: number; open: number }> {
    let kept = 0;
    let open = 0;
    for (const { reader, address } of this.readers) {
      const [first, end] = await Promise.all([reader.minOffset(), reader.maxOffset()]);
      kept += end - first;
      for (let from = first; from < end; from += STATES_PER_REQUEST) {
        const states = await this.states(reader.queue, address, from, Math.min(STATES_PER_REQUEST, end - from));
        for (const state of states) if (state === 0) open++;
      }
    }
    return { kept, open };
  }

  private async *forward(reader: QueueReader, address: string, from: number, end: number): AsyncGenerator<Window> {
    for (let offset = from; offset < end;) {
      const { records, nextOffset } = await reader.read(offset, Math.min(PAGE, end - offset));
      if (nextOffset <= offset) return;
      offset = nextOffset;
      yield this.letters(reader.queue, address, records);
    }
  }

  private async *backward(reader: QueueReader, address: string, first: number, from: number): AsyncGenerator<Window> {
    let size = PAGE;
    for (let last = from; last >= first;) {
      const start = Math.max(first, last - size + 1);
      const records: MessageRecord[] = [];
      for (let offset = start; offset <= last;) {
        const page = await reader.read(offset, last - offset + 1);
        records.push(...page.records);
        if (page.nextOffset <= offset) break;
        offset = page.nextOffset;
      }
      const bytes = records.reduce((sum, record) => sum + record.size, 0);
      size = bytes > WINDOW_BYTES ? Math.max(1, size >> 2) : Math.min(PAGE, size * 2);
      last = start - 1;
      const letters = await this.letters(reader.queue, address, records);
      yield letters.toReversed();
    }
  }

  private async letters(
    queue: MessageQueue,
    address: string,
    records: readonly MessageRecord[],
  ): Promise<DeadLetter[]> {
    const first = records[0];
    if (first === undefined) return [];
    const from = first.queueOffset;
    const states = await this.states(queue, address, from, records.at(-1)!.queueOffset - from + 1);
    return Promise.all(
      records.map(async (record) => {
        const state = STATES[states[record.queueOffset - from]!] ?? 'open';
        return new DeadLetter(record, queue, await bodyOf(record), state);
      }),
    );
  }

  private async states({ queueId }: MessageQueue, address: string, from: number, count: number): Promise<Buffer> {
    const header = { consumerGroup: this.group, queueId, queueOffset: from, count };
    const states = await this.calls.askIfKnown(address, ExtensionCode.DEAD_LETTER_STATES, header);
    return states ?? Buffer.alloc(count);
  }
}

function isAt(queue: MessageQueue, place: { brokerName: string; queueId: number }): boolean {
  return queue.brokerName === place.brokerName && queue.queueId === place.queueId;
}
