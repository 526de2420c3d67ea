import { decodeRecord, getProperty, MessagingError, PropertyName } from '../../protocol/index.js';
import type { TopicTable } from '../state/topic-table.js';
import { type IndexFile, IndexDamage } from './index-file.js';
import type { IndexFiles } from './index-files.js';
import { type IndexTable, secondsOf } from './index-table.js';
import { keyHash, keysOf } from './key-hash.js';

/** Records that one search looks at: hashes meet, and a key may be that of every message. */
const MOST_LOOKED_AT = 65_536;
/** Bytes of one answer; at least one message, however large. */
const MOST_BYTES = 8 * 1024 * 1024;

export interface IndexQuery {
  readonly topic: string;
  /** In full: a unique id, or one of a message's keys. */
  readonly key: string;
  readonly unique: boolean;
  /** Store times in milliseconds since 1970, both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly max: number;
}

/** Looks through tables and files for candidates, the youngest first, and takes those whose record has the key itself. */
export class IndexSearch {
  constructor(
    private readonly files: IndexFiles,
    private readonly topics: TopicTable,
    private readonly log: { recordBytesAt(physicalOffset: number): Promise<Buffer> },
  ) {}

  /** @param tables What is in memory, the youngest first. @throws IndexDamage */
  async run(query: IndexQuery, tables: readonly IndexTable[]): Promise<Buffer[]> {
    const hash = keyHash(query.topic, query.key, query.unique);
    const from = secondsOf(query.from);
    const to = secondsOf(query.to);
    const found: Buffer[] = [];
    let bytes = 0;
    let looked = 0;
    const visit = async (offset: number): Promise<boolean> => {
      const record = await this.wanted(offset, query);
      if (record !== undefined) {
        if (found.length > 0 && bytes + record.length > MOST_BYTES) return false;
        found.push(record);
        bytes += record.length;
      }
      return found.length < query.max && ++looked < MOST_LOOKED_AT;
    };
    // Those of now: a table that becomes a file meanwhile is not looked through twice.
    const files = this.files.all.toReversed();
    for (const table of tables)
      for (const offset of table.find(hash, from, to)) if (!(await visit(offset))) return found;
    for (const file of files) {
      if (file.firstTime > query.to || file.lastTime < query.from) continue;
      if (!(await this.lookInto(file, hash, from, to, visit))) return found;
    }
    return found;
  }

  private async lookInto(
    file: IndexFile,
    hash: number,
    from: number,
    to: number,
    visit: (offset: number) => Promise<boolean>,
  ): Promise<boolean> {
    try {
      return await this.files.find(file, hash, from, to, visit);
    } catch (error) {
      // It has expired meanwhile, with all that it knew.
      if (!(error instanceof IndexDamage) && !this.files.all.includes(file)) return true;
      if (error instanceof MessagingError || error instanceof IndexDamage) throw error;
      throw new IndexDamage(file, String(error));
    }
  }

  /** The record, if it has the key in full and not only its hash. */
  private async wanted(offset: number, { topic, key, unique, from, to }: IndexQuery): Promise<Buffer | undefined> {
    let bytes: Buffer;
    try {
      bytes = await this.log.recordBytesAt(offset);
    } catch (error) {
      const code = error instanceof MessagingError ? error.code : undefined;
      // Expired, or taken back with an unsynced end of the log.
      if (code === 'OFFSET_OUT_OF_RANGE' || code === 'RECORD_INVALID') return undefined;
      throw error;
    }
    const record = decodeRecord(bytes);
    const config = this.topics.get(topic);
    if (record.topic !== topic || config === undefined || offset < config.createdAt) return undefined;
    if (record.storeTimestamp < from || record.storeTimestamp > to) return undefined;
    const has = unique
      ? getProperty(record.properties, PropertyName.UNIQUE_KEY) === key
      : keysOf(getProperty(record.properties, PropertyName.KEYS) ?? '').has(key);
    return has ? bytes : undefined;
  }
}
