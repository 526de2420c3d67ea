import { defineHeader, flag, int, long, text } from './schema.js';

/** Extension JOIN_STORE. */
export interface JoinStoreRequestHeader {
  /** Version of this exchange itself; the two ends must have the same. */
  sharing: number;
  /** The highest store format that this process can read, since it may become the host one day. */
  format: number;
  /** Of the package; for people. */
  version: string;
  pid: number;
  hostName: string;
  /** When the process began (ms since 1970): with pid and host name it tells processes apart. */
  startedAt: number;
  /** Tells several brokers of one process apart; hexadecimal. */
  joinId: string;
  /** Whether the process has a lock on the file of that name, which ends with it. */
  lifeSign: boolean;
  /** On the one channel by which the host knows that the process is there; it repeats this on it now and then. */
  watch: boolean;
}

export interface JoinStoreResponseHeader {
  storeId: string;
  /** Of the store as it is now. */
  format: number;
  version: string;
  pid: number;
}

export const joinStore = defineHeader<JoinStoreRequestHeader>({
  sharing: int,
  format: int,
  version: text,
  pid: int,
  hostName: text,
  startedAt: long,
  joinId: text,
  lifeSign: flag,
  watch: flag,
});

export const joinStoreResponse = defineHeader<JoinStoreResponseHeader>({
  storeId: text,
  format: int,
  version: text,
  pid: int,
});
