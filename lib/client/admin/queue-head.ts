import type { MessageRecord } from '../../protocol/index.js';
import type { QueueReader } from './queue-reader.js';

/** Goes through one queue message by message, a page of it in memory. */
export class QueueHead {
  private page: readonly MessageRecord[] = [];
  private at = 0;

  constructor(
    private readonly reader: QueueReader,
    private offset: number,
  ) {}

  get brokerName(): string {
    return this.reader.queue.brokerName;
  }

  /** Undefined at the end of the queue. */
  get record(): MessageRecord | undefined {
    return this.page[this.at];
  }

  isOlderThan(other: QueueHead | undefined): boolean {
    if (this.record === undefined) return false;
    return other?.record === undefined || this.record.storeTimestamp < other.record.storeTimestamp;
  }

  async next(): Promise<void> {
    this.at++;
    if (this.record === undefined) await this.fill();
  }

  /** Reads on until there is a message, or the queue ends. */
  async fill(): Promise<void> {
    while (this.record === undefined) {
      const { records, nextOffset } = await this.reader.read(this.offset);
      if (nextOffset <= this.offset) return;
      this.offset = nextOffset;
      this.page = records;
      this.at = 0;
    }
  }
}
