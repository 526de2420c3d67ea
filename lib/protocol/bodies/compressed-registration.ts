import { deflateSync, inflateSync } from 'node:zlib';
import { MessagingError } from '../errors.js';
import { readInt32 } from '../int64.js';
import { readObject, writeJson } from './json-fields.js';
import { readJson } from './json-reader.js';
import { dataVersionFrom, type RegisterBrokerBody } from './register-broker.js';
import { topicConfigFromLine, topicConfigLine, type TopicConfig } from './topic-config.js';

// Body of a compressed REGISTER_BROKER, one zlib stream of blocks (a length, int32, and so many bytes):
//
//   +--------------------+-------------------------+-----------------------+-------------------------------+
//   | data version, JSON | topics, int32; a block  | filter servers, JSON  | from version 5 on: mappings,  |
//   | (a block)          | each, a line of text    | (a block)             | int32, and a block each       |
//   +--------------------+-------------------------+-----------------------+-------------------------------+

const LONGEST_BLOCK = 1024 * 1024;
/** Inflated; a table of 200,000 topics has about 10 MiB. Compressed bytes must not become a flood in memory. */
const LARGEST_BODY = 64 * 1024 * 1024;

export function encodeCompressedRegistration(body: RegisterBrokerBody): Buffer {
  const parts: Buffer[] = [];
  const block = (bytes: Buffer): void => void parts.push(int32(bytes.length), bytes);
  block(writeJson(body.dataVersion));
  parts.push(int32(body.topicConfigTable.size));
  for (const topic of body.topicConfigTable.values()) block(Buffer.from(topicConfigLine(topic)));
  block(writeJson(body.filterServerList));
  parts.push(int32(0));
  return deflateSync(Buffer.concat(parts));
}

/** What stands behind the filter servers, mappings of static topics, is not read: no queue of ours is mapped. */
export function decodeCompressedRegistration(body: Buffer): RegisterBrokerBody {
  const bytes = inflate(body);
  let at = 0;
  const number = (): number => {
    if (at + 4 > bytes.length) throw broken('it ends in the middle of a length');
    at += 4;
    return readInt32(bytes, at - 4);
  };
  const block = (): Buffer => {
    const length = number();
    if (length < 0 || length > LONGEST_BLOCK || at + length > bytes.length)
      throw broken(`it has a block of ${length} bytes`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const dataVersion = dataVersionFrom(readObject(block(), 'data version'));
  const topicConfigTable = new Map<string, TopicConfig>();
  for (let left = number(); left > 0; left--) {
    const topic = topicConfigFromLine(block().toString('utf8'));
    topicConfigTable.set(topic.topicName, topic);
  }
  const servers = readJson(block());
  const filterServerList = Array.isArray(servers) ? servers.filter((server) => typeof server === 'string') : [];
  return { dataVersion, topicConfigTable, filterServerList };
}

function inflate(body: Buffer): Buffer {
  try {
    return inflateSync(body, { maxOutputLength: LARGEST_BODY });
  } catch (error) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `A compressed registration cannot be unpacked: ${(error as Error).message}. Send it again, or with compressedRegister=false.`,
      { cause: error },
    );
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function broken(how: string): MessagingError {
  return new MessagingError('BAD_ARGUMENT', `A compressed registration cannot be read: ${how}.`);
}
