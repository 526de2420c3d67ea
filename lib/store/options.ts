import { MessagingError } from '../protocol/index.js';
import type { StoreOptions } from './types.js';

const MIB = 1024 * 1024;

/** The options with every default filled in. */
export type ResolvedStoreOptions = Required<StoreOptions>;

/** @throws MessagingError CONFIGURATION for values that the store cannot work with. */
export function resolveStoreOptions(options: StoreOptions): ResolvedStoreOptions {
  const resolved: ResolvedStoreOptions = {
    path: options.path,
    storeHost: options.storeHost,
    segmentBytes: options.segmentBytes ?? 64 * MIB,
    flush: options.flush ?? 'sync',
    batchBytes: options.batchBytes ?? 4 * MIB,
    tailBytes: options.tailBytes ?? 64 * MIB,
    consumeQueueFileEntries: options.consumeQueueFileEntries ?? 300_000,
    checkpointMillis: options.checkpointMillis ?? 5_000,
    queuesPerCheckpoint: options.queuesPerCheckpoint ?? 128,
    fileCostEntries: options.fileCostEntries ?? 10_000,
    keptEntryBytes: options.keptEntryBytes ?? 64 * MIB,
    retention: options.retention ?? {},
    dedupMemoryBytes: options.dedupMemoryBytes ?? 64 * MIB,
    index: options.index ?? false,
    diskSoftRatio: options.diskSoftRatio ?? 0.75,
    diskHardRatio: options.diskHardRatio ?? 0.9,
    acceptDamage: options.acceptDamage ?? false,
    reserveBytes: options.reserveBytes ?? Math.min(MIB, Math.floor((options.segmentBytes ?? 64 * MIB) / 64)),
  };
  if (resolved.path === '') throw invalid('path', 'is empty; name a directory');
  atLeast('segmentBytes', resolved.segmentBytes, 1024);
  atLeast('batchBytes', resolved.batchBytes, 512);
  atLeast('tailBytes', resolved.tailBytes, 0);
  atLeast('consumeQueueFileEntries', resolved.consumeQueueFileEntries, 1);
  atLeast('reserveBytes', resolved.reserveBytes, 0);
  atLeast('dedupMemoryBytes', resolved.dedupMemoryBytes, 0);
  atLeast('checkpointMillis', resolved.checkpointMillis, 1);
  atLeast('queuesPerCheckpoint', resolved.queuesPerCheckpoint, 1);
  atLeast('fileCostEntries', resolved.fileCostEntries, 0);
  atLeast('keptEntryBytes', resolved.keptEntryBytes, 0);
  return resolved;
}

function atLeast(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw invalid(name, `is ${value}; give a whole number of at least ${least}`);
}

function invalid(name: string, what: string): MessagingError {
  return new MessagingError('CONFIGURATION', `The store option ${name} ${what}.`);
}
