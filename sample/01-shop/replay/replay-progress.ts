import type { OnApplicationShutdown } from '@nestjs/common';
import { Journal } from '../storage/journal.js';

export interface Throughput {
  messages: number;
  seconds: number;
}

type ProgressRecord = { sent: number } | ({ days: number } & Throughput);

/** How far the replay has come, durably: everything before `sent` was acknowledged by the broker. */
export class ReplayProgress implements OnApplicationShutdown {
  private journal!: Journal<ProgressRecord>;
  /** Orders sent, over all days. */
  sent = 0;
  /** Days that were replayed and reported, and how fast the last run went. */
  finished: ({ days: number } & Throughput) | undefined;

  static async open(path: string): Promise<ReplayProgress> {
    const progress = new ReplayProgress();
    progress.journal = await Journal.open<ProgressRecord>(path, (record) => progress.apply(record));
    return progress;
  }

  async save(record: ProgressRecord): Promise<void> {
    await this.journal.append(record);
    this.apply(record);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.journal.close();
  }

  private apply(record: ProgressRecord): void {
    if ('sent' in record) this.sent = record.sent;
    else this.finished = record;
  }
}
