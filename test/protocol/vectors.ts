import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What RocketMQ's own code made of a message, see test/interop/vectors. */
export interface RecordVector {
  name: string;
  crc: boolean;
  size: number;
  bodyCrc: number;
  queueId: number;
  flag: number;
  queueOffset: number;
  physicalOffset: number;
  sysFlag: number;
  bornTimestamp: number;
  bornHost: string;
  storeTimestamp: number;
  storeHost: string;
  reconsumeTimes: number;
  preparedTransactionOffset: number;
  body: string;
  topic: string;
  properties: string;
  offsetMessageId: string;
  hex: string;
}

export interface BatchVector {
  items: { flag: number; body: string; properties: string }[];
  hex: string;
  queueId: number;
  queueOffset: number;
  physicalOffset: number;
  bornTimestamp: number;
  storeTimestamp: number;
  host: string;
  topic: string;
  records: string;
}

export interface FrameVector {
  name: string;
  requestCode: number;
  code: number;
  flag: number;
  extFields: Record<string, string>;
}

interface Vectors {
  records: { records: RecordVector[]; batch: BatchVector; blank: { remaining: number; hex: string } };
  frames: FrameVector[];
  texts: {
    names: {
      hashCodes: Record<string, number>;
      topics: Record<string, boolean>;
      groups: Record<string, boolean>;
      systemTopics: Record<string, { system: boolean; sendable: boolean }>;
      crcs: Record<string, number>;
      retryTopic: string;
      deadLetterTopic: string;
    };
    properties: { text: string; entries: Record<string, string>; encoded: string; tagsCode: number }[];
    ids: { host: string; physicalOffset: number; id: string }[];
    filters: { expression: string | null; tags: string[]; codes: number[] }[];
    bodies: Record<string, string>;
  };
}

/** The tests run from the project's root, compiled elsewhere. */
export function vectors<N extends keyof Vectors>(name: N): Vectors[N] {
  return JSON.parse(
    readFileSync(join(process.cwd(), 'test', 'protocol', 'vectors', `${name}.json`), 'utf8'),
  ) as Vectors[N];
}
