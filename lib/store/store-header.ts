import { crc32 } from 'node:zlib';
import type { FileSystem, Platform } from '../platform/index.js';
import { MessagingError } from '../protocol/index.js';
import { readWhole } from './state/read-whole.js';

/**
 * Raised when an older process could not read what a newer one writes. A store of an older format is to be raised only
 * while no process that cannot read the newer one has joined its host (`LocalServer.joined`): it may take over.
 */
export const STORE_FORMAT = 1;

/** What is decided once, when a store is created. */
export interface StoreHeader {
  readonly format: number;
  /** Tells stores apart, whatever directory they are moved to. */
  readonly storeId: string;
  readonly segmentBytes: number;
}

/**
 * Reads `store.json`; undefined while there is none.
 * @throws MessagingError STORE_NEWER, STORE_DAMAGED.
 */
export async function readStoreHeader(fileSystem: FileSystem, root: string): Promise<StoreHeader | undefined> {
  const path = `${root}/store.json`;
  const bytes = await readWhole(fileSystem, path);
  return bytes === undefined ? undefined : parse(bytes, path);
}

/** Reads `store.json`, or writes it for a new store. */
export async function openStoreHeader(platform: Platform, root: string, segmentBytes: number): Promise<StoreHeader> {
  const path = `${root}/store.json`;
  const existing = await readStoreHeader(platform.fileSystem, root);
  if (existing !== undefined) return existing;
  const header: StoreHeader = { format: STORE_FORMAT, storeId: newStoreId(platform), segmentBytes };
  const temporary = `${path}.tmp`;
  await platform.fileSystem.remove(temporary);
  const file = await platform.fileSystem.open(temporary, 'create');
  try {
    await file.write(Buffer.from(`${JSON.stringify({ ...header, checksum: checksum(header) })}\n`), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await platform.fileSystem.rename(temporary, path);
  await platform.fileSystem.syncDirectory(root);
  return header;
}

function parse(bytes: Buffer, path: string): StoreHeader {
  let stored: Partial<StoreHeader & { checksum: number }>;
  try {
    stored = JSON.parse(bytes.toString()) as typeof stored;
  } catch (error) {
    throw damaged(path, error);
  }
  const { format, storeId, segmentBytes } = stored;
  // Before anything else is looked at: a newer format may have changed all the rest.
  if (typeof format === 'number' && format > STORE_FORMAT)
    throw new MessagingError(
      'STORE_NEWER',
      `${path} has the format ${format}; this version reads up to ${STORE_FORMAT}. Open the store with the version that wrote it.`,
    );
  if (format !== STORE_FORMAT || typeof storeId !== 'string' || typeof segmentBytes !== 'number') throw damaged(path);
  const header = { format, storeId, segmentBytes };
  if (stored.checksum !== checksum(header)) throw damaged(path);
  return header;
}

function checksum(header: StoreHeader): number {
  return crc32(`${header.format} ${header.storeId} ${header.segmentBytes}`);
}

function newStoreId(platform: Platform): string {
  let id = '';
  while (id.length < 32) id += platform.random.below(16).toString(16);
  return id;
}

function damaged(path: string, cause?: unknown): MessagingError {
  return new MessagingError('STORE_DAMAGED', `${path} cannot be read. Restore it from a backup of the store.`, {
    cause,
  });
}
