import { MessagingError } from '../errors.js';
import { readInt64, readUint16, writeInt16, writeInt32, writeInt64 } from '../int64.js';
import { LIMITS } from '../names.js';
import type { PropertyParts } from '../property-parts.js';
import { PartsReader } from './parts-reader.js';
import { PartsWriter } from './parts-writer.js';
import { writeCounted, writeText } from './texts.js';

/**
 * SEND_PACK: messages that were sent one by one and have nothing to do with each other but the way to their broker. Each is
 * stored, or refused, on its own. Columns, so that a message on its way costs no object: position i of each is about the
 * same message. In process they are handed over as they are; nobody changes them.
 */
export interface SendPackHeader {
  readonly producerGroup: string;
  /** The topic whose settings a new topic inherits. */
  readonly defaultTopic: string;
  readonly defaultTopicQueueNums: number;
  /** Each topic once. */
  readonly topics: readonly string[];
  /** Its place among `topics`. */
  readonly topicOf: readonly number[];
  /** Below 0: the broker picks one. */
  readonly queueIds: readonly number[];
  readonly sysFlags: readonly number[];
  /** Milliseconds since 1970, by the sender's clock. */
  readonly bornTimestamps: readonly number[];
  /** Wire form, see `encodeProperties`. */
  readonly properties: readonly string[];
  /** The same in parts, where they are known to have such; on the wire they are joined. */
  readonly parts?: readonly (PropertyParts | undefined)[];
  readonly bodies: readonly Buffer[];
}

/** Texts as they stand in a message, one behind the other. */
export interface EncodedTexts {
  readonly bytes: Buffer;
  /** Where the first one begins, with its length. */
  readonly at: number;
  readonly count: number;
}

// Body of SEND_PACK, all numbers big-endian; its header has no fields. The user's flag of a message is 0.
//
//    0       8                12
//   +-------+----------------+-------+---------------+------------+----------+---------------+----------+
//   | born  | default queues | group | default topic | topics: t  | t topics | messages: m   | messages |
//   | int64 | int32          | text  | text          | uint16     | texts    | uint16        |          |
//   +-------+----------------+-------+---------------+------------+----------+---------------+----------+
//
//    0        2          6          10           14                   16            20
//   +--------+----------+----------+------------+-------------------+-------------+------------+------+
//   | topic  | queue id | system   | born after | properties length | body length | properties | body |
//   | uint16 | int32    | flag     | int32      | uint16            | int32       | UTF-8      |      |
//   |        |          | int32    |            |                   |             |            |      |
//   +--------+----------+----------+------------+-------------------+-------------+------------+------+
//
//   text := | length uint16 | UTF-8 |
//
// `born after` are milliseconds since `born`, possibly below 0.

const AT_TEXTS = 12;
const AT_QUEUE = 2;
const AT_SYS_FLAG = 6;
const AT_BORN = 10;
const AT_PROPERTIES_LENGTH = 14;
const AT_BODY_LENGTH = 16;
const FIXED_BYTES = 20;

/** Numbers above are no times, and adding to them would not be exact. */
const LATEST = 2 ** 52;
/** So many messages have a place in one pack: more would hold up all others of the broker while they are looked at. */
export const MOST_IN_PACK = 4096;

const partsReader = new PartsReader();
const partsWriter = new PartsWriter();

/** Lengths of the properties of the pack at hand, so that they are counted once. */
let lengths = new Int32Array(1024);

/** Throws PROPERTIES_INVALID for properties that no message may have; BAD_ARGUMENT for what has no place in a pack. */
export function encodeSendPack(pack: SendPackHeader): Buffer {
  const { producerGroup, defaultTopic, topics, bodies } = pack;
  const count = bodies.length;
  if (count > MOST_IN_PACK || topics.length > MOST_IN_PACK) throw tooMany(count);
  if (count > lengths.length) lengths = new Int32Array(count * 2);
  let size = AT_TEXTS + 2 + Buffer.byteLength(producerGroup) + 2 + Buffer.byteLength(defaultTopic) + 4;
  for (const topic of topics) size += 2 + Buffer.byteLength(topic);
  for (let i = 0; i < count; i++) {
    const parts = pack.parts?.[i];
    const length = parts?.rest === undefined ? Buffer.byteLength(pack.properties[i]!) : partsWriter.lengthOf(parts);
    if (length > LIMITS.propertiesBytes)
      throw new MessagingError(
        'PROPERTIES_INVALID',
        `Message ${i} of a pack has ${length} bytes of properties; ${LIMITS.propertiesBytes} are allowed.`,
      );
    lengths[i] = length;
    size += FIXED_BYTES + length + bodies[i]!.length;
  }
  return written(pack, Buffer.allocUnsafeSlow(size));
}

function written(pack: SendPackHeader, target: Buffer): Buffer {
  const { topics, topicOf, queueIds, sysFlags, bornTimestamps, bodies } = pack;
  const count = bodies.length;
  const born = count === 0 ? 0 : bornTimestamps[0]!;
  writeInt64(target, 0, born);
  writeInt32(target, 8, pack.defaultTopicQueueNums);
  let at = counted(target, AT_TEXTS, pack.producerGroup);
  at = counted(target, at, pack.defaultTopic);
  writeInt16(target, at, topics.length);
  at += 2;
  for (const topic of topics) at = counted(target, at, topic);
  writeInt16(target, at, count);
  at += 2;
  for (let i = 0; i < count; i++) {
    const body = bodies[i]!;
    writeInt16(target, at, topicOf[i]!);
    writeInt32(target, at + AT_QUEUE, queueIds[i]!);
    writeInt32(target, at + AT_SYS_FLAG, sysFlags[i]!);
    const after = bornTimestamps[i]! - born;
    if (after !== (after | 0))
      throw new MessagingError('BAD_ARGUMENT', `The messages of a pack were born ${after} ms apart; send them apart.`);
    writeInt32(target, at + AT_BORN, after);
    writeInt16(target, at + AT_PROPERTIES_LENGTH, lengths[i]!);
    writeInt32(target, at + AT_BODY_LENGTH, body.length);
    at += FIXED_BYTES;
    const parts = pack.parts?.[i];
    if (parts?.rest === undefined) at = writeText(target, at, pack.properties[i]!, lengths[i]!);
    else at = partsWriter.write(target, at, parts);
    target.set(body, at);
    at += body.length;
  }
  return target;
}

function counted(target: Buffer, at: number, text: string): number {
  return writeCounted(target, at, text, Buffer.byteLength(text));
}

/** Bodies are views of `bytes`. Throws BAD_ARGUMENT for what is no pack; nothing of it is to be stored then. */
export function decodeSendPack(bytes: Buffer): SendPackHeader {
  const end = bytes.length;
  const born = end < AT_TEXTS ? -1 : readInt64(bytes, 0);
  if (born < 0 || born > LATEST) throw noPack(0, end);
  const view = new DataView(bytes.buffer, bytes.byteOffset, end);
  const reader = new TextReader(bytes, AT_TEXTS);
  const producerGroup = reader.text();
  const defaultTopic = reader.text();
  const topicsAt = reader.at;
  const { count: topicCount } = reader.skipTexts();
  const count = reader.count();
  if (count > MOST_IN_PACK || topicCount > MOST_IN_PACK) throw tooMany(count);
  // Of their final size: columns that grow are copied four times on the way to 256, 110 bytes a message.
  const topicOf = new Array<number>(count);
  const queueIds = new Array<number>(count);
  const sysFlags = new Array<number>(count);
  const bornTimestamps = new Array<number>(count);
  const propertiesAt = new Array<number>(count);
  let parts: (PropertyParts | undefined)[] | undefined;
  const bodies = new Array<Buffer>(count);
  let topics: string[] | undefined;
  let texts: string[] | undefined;
  let at = reader.at;
  for (let i = 0; i < count; i++) {
    if (end - at < FIXED_BYTES) throw noPack(at, end);
    const topic = view.getUint16(at);
    const bodyLength = view.getInt32(at + AT_BODY_LENGTH);
    const textAt = at + FIXED_BYTES;
    const bodyAt = textAt + view.getUint16(at + AT_PROPERTIES_LENGTH);
    if (topic >= topicCount || bodyLength < 0 || bodyAt + bodyLength > end) throw noPack(at, end);
    topicOf[i] = topic;
    queueIds[i] = view.getInt32(at + AT_QUEUE);
    sysFlags[i] = view.getInt32(at + AT_SYS_FLAG);
    bornTimestamps[i] = born + view.getInt32(at + AT_BORN);
    propertiesAt[i] = textAt;
    const inParts = partsReader.read(bytes, view, textAt, bodyAt, i === 0);
    if (inParts !== undefined) {
      parts ??= new Array<undefined>(count).fill(undefined);
      parts[i] = inParts;
    }
    at = bodyAt + bodyLength;
    bodies[i] = bytes.subarray(bodyAt, at);
  }
  if (at !== end) throw noPack(at, end);
  return {
    producerGroup,
    defaultTopic,
    defaultTopicQueueNums: view.getInt32(8),
    topicOf,
    queueIds,
    sysFlags,
    bornTimestamps,
    parts,
    // Of most packs nobody asks for the texts. Who does, does it while the bytes are there.
    get topics(): string[] {
      topics ??= new TextReader(bytes, topicsAt).texts();
      return topics;
    },
    get properties(): string[] {
      texts ??= propertiesAt.map((from) => textOf(bytes, from));
      return texts;
    },
    bodies,
  };
}

function textOf(bytes: Buffer, from: number): string {
  return bytes.toString('utf8', from, from + readUint16(bytes, from - FIXED_BYTES + AT_PROPERTIES_LENGTH));
}

/** The topics that an encoded pack names, without looking at its messages. Throws BAD_ARGUMENT as `decodeSendPack` does. */
export function topicsOfPack(bytes: Buffer): string[] {
  return behindNames(bytes).texts();
}

/** The same, for who knows topics by their bytes. */
export function encodedTopicsOfPack(bytes: Buffer): EncodedTexts {
  return behindNames(bytes).skipTexts();
}

/** Behind the names of group and default topic. */
function behindNames(bytes: Buffer): TextReader {
  const reader = new TextReader(bytes, AT_TEXTS);
  reader.skip();
  reader.skip();
  return reader;
}

class TextReader {
  constructor(
    private readonly bytes: Buffer,
    public at: number,
  ) {}

  count(): number {
    const at = this.at;
    if (at + 2 > this.bytes.length) throw noPack(at, this.bytes.length);
    this.at = at + 2;
    return readUint16(this.bytes, at);
  }

  text(): string {
    const start = this.at + 2;
    this.skip();
    return this.bytes.toString('utf8', start, this.at);
  }

  skip(): void {
    const length = this.count();
    if (this.at + length > this.bytes.length) throw noPack(this.at, this.bytes.length);
    this.at += length;
  }

  /** What `texts` would read, and goes on behind it. */
  skipTexts(): EncodedTexts {
    const count = this.count();
    const from = this.at;
    for (let i = 0; i < count; i++) this.skip();
    return { bytes: this.bytes, at: from, count };
  }

  texts(): string[] {
    const count = this.count();
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.text());
    return texts;
  }
}

function tooMany(messages: number): MessagingError {
  return new MessagingError(
    'BAD_ARGUMENT',
    `A pack of ${messages} messages, or of more topics, is too large; send at most ${MOST_IN_PACK}.`,
  );
}

function noPack(at: number, end: number): MessagingError {
  return new MessagingError('BAD_ARGUMENT', `The pack cannot be read at byte ${at} of ${end}; encode it again.`);
}
