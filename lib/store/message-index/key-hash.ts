import { getProperty, PropertyName, type PropertyParts } from '../../protocol/index.js';
import type { DispatchEntry } from '../types.js';
import type { IndexTable } from './index-table.js';

/** 32 bits; different keys may share them, so what is found is compared in full. `unique`: the key is a message's own id. */
export function keyHash(topic: string, key: string, unique: boolean): number {
  return mixed(feed(hashOf(topic) ^ (unique ? 0x55 : 0x4b), key));
}

function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

let lastTopic = '';
let lastBegin = '';
/** Of that topic and that begin of an id. */
let lastHash = 0;

/** The hash of a unique id in parts: ids that follow each other begin alike. */
function idHash(topic: string, idBegin: string, idEnd: number): number {
  if (idBegin !== lastBegin || topic !== lastTopic) {
    lastTopic = topic;
    lastBegin = idBegin;
    lastHash = feed(hashOf(topic) ^ 0x55, idBegin);
  }
  let hash = lastHash;
  for (let shift = 12; shift >= 0; shift -= 4) {
    const digit = (idEnd >>> shift) & 15;
    hash = Math.imul(hash ^ (digit < 10 ? digit + 48 : digit + 55), 0x01000193);
  }
  return mixed(hash);
}

/** What has keys: properties in parts have the unique id alone. */
export type Keyed = Pick<DispatchEntry, 'properties' | keyof PropertyParts>;

/** Enters a record under its unique id and under each of its keys. */
export function enterKeys(table: IndexTable, topic: string, message: Keyed, offset: number, time: number): void {
  if (message.rest !== undefined) {
    table.add(idHash(topic, message.idBegin!, message.idEnd!), time, offset);
    return;
  }
  const { properties } = message;
  const unique = getProperty(properties, PropertyName.UNIQUE_KEY);
  if (unique !== undefined) table.add(keyHash(topic, unique, true), time, offset);
  const keys = getProperty(properties, PropertyName.KEYS);
  if (keys === undefined) return;
  if (!keys.includes(' ')) table.add(keyHash(topic, keys, false), time, offset);
  else for (const key of keysOf(keys)) table.add(keyHash(topic, key, false), time, offset);
}

/** Each once: a key that is given twice would make its message be found twice. */
export function keysOf(keys: string): ReadonlySet<string> {
  return new Set(keys.split(' ').filter((key) => key !== ''));
}

/** Reckoned anew each time: to look it up by the name took longer as soon as there were thousands of topics. */
function hashOf(topic: string): number {
  return feed(0x811c9dc5, topic);
}

/** FNV-1a over UTF-16 units: 40 ns for an id of 32 characters. */
function feed(start: number, text: string): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
