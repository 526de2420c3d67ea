import type { RunningStore, StoreHost } from '../../store-life.js';
import { createPurge, PURGED_INBOX } from '../purge/create-purge.js';
import type { Purge, PurgeCounts } from '../purge/purge.js';
import type { SqlAdapter } from '../sql-adapter.js';
import { checkAdapter, checkOptions } from './checks.js';
import type { SqlInboxOptions } from './inbox-options.js';
import { Tokens } from './tokens.js';

/** Longer than the retries of a message take, and than people need to replay dead letters. */
const SQL_TTL_MILLIS = 7 * 24 * 3_600_000;

/** What keeps marks in the table `nestmq_inbox`, and cleans up there. */
export abstract class SqlMarks<Tx> implements RunningStore {
  readonly shared = true;
  readonly defaultTtlMillis: number = SQL_TTL_MILLIS;
  protected readonly tokens = new Tokens();
  private readonly purge: Purge<Tx> | undefined;

  /** Throws BAD_ARGUMENT for what is no adapter, CONFIGURATION for options that make no sense. */
  protected constructor(
    where: string,
    protected readonly adapter: SqlAdapter<Tx>,
    options: SqlInboxOptions,
  ) {
    checkAdapter(where, adapter);
    checkOptions(where, options);
    this.purge = createPurge(where, adapter, PURGED_INBOX, options.purge);
  }

  /** What this process has deleted; undefined with `purge: false`. */
  get purgeCounts(): PurgeCounts | undefined {
    return this.purge?.counts;
  }

  /** The module calls it for the stores of its listeners. */
  start(host: StoreHost): void {
    this.purge?.start(host);
  }

  /** Resolves when nothing of it uses the database any more. */
  async stop(): Promise<void> {
    await this.purge?.stop();
  }
}
