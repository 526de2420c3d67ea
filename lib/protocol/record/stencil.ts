import type { AlikeBatch } from '../alike-batch.js';
import { HOST_V4_BYTES, hostBytes } from '../host.js';
import { readInt32, writeInt16, writeInt32, writeInt64 } from '../int64.js';
import { ID_DIGITS, ID_NAME } from '../property-parts.js';
import {
  byNibbles,
  crcBehind,
  crcInView,
  crcOf,
  crcOfByte,
  crcOfCopy,
  fillByBits,
  joinedCrc,
  SHORT_IN_VIEW,
  shiftTable,
  WORD_TABLE,
  wordTable,
} from './crc.js';
import { NO_CRC_BIT, writeCrc } from './encode.js';
import {
  AT_BODY_CRC,
  AT_BODY_LENGTH,
  AT_BORN_HOST,
  AT_BORN_TIMESTAMP,
  AT_MAGIC,
  AT_PHYSICAL_OFFSET,
  AT_QUEUE_ID,
  AT_QUEUE_OFFSET,
  CRC_PROPERTY_BYTES,
  MAGIC_V1,
  topicLengthBytes,
} from './layout.js';

/*
 * Of most records all but a few numbers is known before they are written: those whose properties differ in the id alone. A
 * stencil has the rest of them as words, and the CRC of the rest, so that a record's own CRC is a sum of what each of its numbers
 * adds. That leaves the body's CRC, and 36 look-ups for 190 other bytes. Topics whose names are equally long share a stencil, as
 * a pack may bring a message to each of hundreds: the name is a number of its own kind, only a longer one.
 */

const AT_STORE_TIMESTAMP = 56;
const AT_STORE_HOST = 64;
const AT_BODY = AT_BODY_LENGTH + 4;
const FRONT_WORDS = AT_BODY / 4;
/** From this word on to the body's length all is known before. */
const SHARED_FROM = (AT_PHYSICAL_OFFSET + 8) / 4;
const TWO_32 = 0x1_0000_0000;
/** Tables for bodies of one length cost as much as they save in a hundred records. */
const WORTH_TABLES = 64;

/** What the numbers in front of the body add to the CRC of the bytes up to the body. */
const SIZE = wordTable(AT_BODY - 4);
const BODY_CRC = wordTable(AT_BODY - 4 - AT_BODY_CRC);
const QUEUE_ID = wordTable(AT_BODY - 4 - AT_QUEUE_ID);
const QUEUE_OFFSET_HIGH = wordTable(AT_BODY - 4 - AT_QUEUE_OFFSET);
const QUEUE_OFFSET_LOW = wordTable(AT_BODY - 8 - AT_QUEUE_OFFSET);
const PHYSICAL_OFFSET_HIGH = wordTable(AT_BODY - 4 - AT_PHYSICAL_OFFSET);
const PHYSICAL_OFFSET_LOW = wordTable(AT_BODY - 8 - AT_PHYSICAL_OFFSET);
const BODY_LENGTH = wordTable(0);

/** Two digits of each byte, as they stand in the record. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) => {
  const text = byte.toString(16).toUpperCase().padStart(2, '0');
  return (text.charCodeAt(0) << 8) | text.charCodeAt(1);
});

/** Writes the records whose properties have the same `rest`, and whose topics' names the same length; see PropertyParts. */
export class RecordStencil {
  /** Bytes of a record beside its body. */
  readonly overhead: number;
  private readonly front = Buffer.alloc(AT_BODY);
  private readonly frontWords = new Int32Array(FRONT_WORDS);
  private frontCrc = 0;
  private bornTimestamp = -1;
  private storeTimestamp = -1;
  private bornHost: string | undefined;
  /** Topic and properties, without the record's CRC; of the id's last digits zeros. */
  private readonly tail: Buffer;
  private readonly tailWords: Int32Array;
  private tailCrc = 0;
  private topic: string | undefined;
  /** What the topic adds to the CRC of the tail, in which it was zeros. */
  private topicCrc = 0;
  private readonly pastTopic: Int32Array;
  /** The words that the topic reaches into. */
  private readonly topicWords: number;
  private readonly idLength: number;
  private readonly idAt: number;
  private readonly digitsAt: number;
  private idBegin: string | undefined;
  /** Of the last body, and with what it adds the CRC of the bytes in front of it. */
  private bodyLength = -1;
  private sizedCrc = 0;
  /** What each of the id's last digits adds to the CRC, sixteen numbers a digit. */
  private readonly digits: Int32Array;
  private readonly pastTail: Int32Array;
  /** See `crcOfLows`; -1 before there are any. */
  private tabledLength = -1;
  private readonly tables = new Int32Array(3 * WORD_TABLE);
  private readonly ofBit = new Int32Array(3 * 32);

  /** Only where `fits` says so, for ids as long as one that begins like this. */
  constructor(
    private readonly topicLength: number,
    idBegin: string,
    rest: string,
    storeHost: string,
  ) {
    this.idLength = idBegin.length + ID_DIGITS;
    const properties = ID_NAME.length + this.idLength + rest.length;
    const tail = Buffer.alloc(1 + topicLength + 2 + properties);
    tail[0] = topicLength;
    writeInt16(tail, 1 + topicLength, properties + CRC_PROPERTY_BYTES);
    const propertiesAt = 1 + topicLength + 2;
    tail.write(ID_NAME, propertiesAt, 'latin1');
    this.idAt = propertiesAt + ID_NAME.length;
    this.digitsAt = this.idAt + idBegin.length;
    tail.write(rest, this.digitsAt + ID_DIGITS, 'latin1');
    this.tail = tail;
    this.tailWords = new Int32Array(Math.ceil(tail.length / 4));
    this.digits = new Int32Array(ID_DIGITS * 16);
    for (let digit = 0; digit < this.digits.length; digit++) {
      const behind = tail.length - this.digitsAt - 1 - (digit >>> 4);
      this.digits[digit] = crcOfByte((digit & 15).toString(16).toUpperCase().charCodeAt(0), behind);
    }
    this.pastTail = shiftTable(tail.length);
    this.pastTopic = shiftTable(tail.length - 1 - topicLength);
    this.topicWords = Math.ceil((1 + topicLength) / 4);
    this.overhead = AT_BODY + tail.length + CRC_PROPERTY_BYTES;
    writeInt32(this.front, AT_MAGIC, MAGIC_V1);
    this.front.set(hostBytes(storeHost), AT_STORE_HOST);
  }

  /** Whether records can be written like this: short names, in ASCII all of it, and a host of four bytes. */
  static fits(topicLength: number, rest: string, storeHost: string): boolean {
    return (
      topicLengthBytes(topicLength) === 1 &&
      rest.length < 1024 &&
      isAscii(rest) &&
      hostBytes(storeHost).length === HOST_V4_BYTES
    );
  }

  /**
   * What the records that follow have in common. False for what this is not made for: a topic or an id of another length, a
   * topic beyond ASCII, a host with an IPv6 address.
   */
  begin(topic: string, idBegin: string, bornTimestamp: number, bornHost: string, storeTimestamp: number): boolean {
    if (topic !== this.topic && !this.name(topic)) return false;
    if (idBegin !== this.idBegin) {
      if (idBegin.length + ID_DIGITS !== this.idLength) return false;
      this.idBegin = idBegin;
      this.tail.write(idBegin, this.idAt, 'latin1');
      this.tailCrc = crcOf(this.tail, 0, this.tail.length);
      toWords(this.tail, this.tailWords, this.tailWords.length);
    }
    if (bornTimestamp !== this.bornTimestamp || storeTimestamp !== this.storeTimestamp || bornHost !== this.bornHost) {
      if (bornHost !== this.bornHost) {
        const host = hostBytes(bornHost);
        if (host.length !== HOST_V4_BYTES) return false;
        this.bornHost = bornHost;
        this.front.set(host, AT_BORN_HOST);
      }
      this.bornTimestamp = bornTimestamp;
      this.storeTimestamp = storeTimestamp;
      writeInt64(this.front, AT_BORN_TIMESTAMP, bornTimestamp);
      writeInt64(this.front, AT_STORE_TIMESTAMP, storeTimestamp);
      this.frontCrc = crcOf(this.front, 0, AT_BODY);
      this.bodyLength = -1;
      toWords(this.front, this.frontWords, FRONT_WORDS);
    }
    return true;
  }

  /** In one go: with a message for each of many topics this is done for every record. */
  private name(topic: string): boolean {
    const { tail, topicLength } = this;
    // Until it is known to be one: what stands in the tail is then no topic's, and the next call writes it anew.
    this.topic = undefined;
    if (topic.length !== topicLength) return false;
    let all = 0;
    let crc = 0;
    for (let at = 0; at < topicLength; at++) {
      const byte = topic.charCodeAt(at);
      all |= byte;
      tail[1 + at] = byte;
      crc = crcBehind(crc, byte);
    }
    if (all > 127) return false;
    this.topic = topic;
    toWords(tail, this.tailWords, this.topicWords);
    crc = byNibbles(this.pastTopic, 0, crc);
    this.tailCrc ^= this.topicCrc ^ crc;
    this.topicCrc = crc;
    return true;
  }

  private measure(bodyLength: number, size: number): void {
    this.bodyLength = bodyLength;
    this.sizedCrc = this.frontCrc ^ byNibbles(SIZE, 0, size) ^ byNibbles(BODY_LENGTH, 0, bodyLength);
  }

  /** The CRC of all that stands before the tail, moved past it. A function of its own, so that it is compiled in one piece. */
  private crcPastTail(bodyCrc: number, queueId: number, queueOffset: number, physicalOffset: number): number {
    const queueOffsetHigh = Math.floor(queueOffset / TWO_32);
    const physicalOffsetHigh = Math.floor(physicalOffset / TWO_32);
    let front =
      this.sizedCrc ^
      byNibbles(BODY_CRC, 0, bodyCrc & NO_CRC_BIT) ^
      byNibbles(QUEUE_OFFSET_LOW, 0, queueOffset - queueOffsetHigh * TWO_32) ^
      byNibbles(PHYSICAL_OFFSET_LOW, 0, physicalOffset - physicalOffsetHigh * TWO_32) ^
      (queueId < 16 ? QUEUE_ID[queueId]! : byNibbles(QUEUE_ID, 0, queueId));
    if (queueOffsetHigh !== 0) front ^= byNibbles(QUEUE_OFFSET_HIGH, 0, queueOffsetHigh);
    if (physicalOffsetHigh !== 0) front ^= byNibbles(PHYSICAL_OFFSET_HIGH, 0, physicalOffsetHigh);
    return byNibbles(this.pastTail, 0, joinedCrc(front, bodyCrc, this.bodyLength));
  }

  /** What a body's CRC and the lower words of both offsets add to `crcPastTail` with bodies of `tabledLength` bytes. */
  private crcOfLows(bodyCrc: number, queueOffset: number, physicalOffset: number): number {
    const { tables } = this;
    return (
      byNibbles(tables, 0, bodyCrc) ^
      byNibbles(tables, WORD_TABLE, lowWord(queueOffset)) ^
      byNibbles(tables, 2 * WORD_TABLE, lowWord(physicalOffset))
    );
  }

  /** Makes the tables for that. */
  private tabulate(bodyLength: number): true {
    const none = this.crcPastTail(0, 0, 0, 0);
    for (let bit = 0; bit < 32; bit++) {
      const word = (1 << bit) >>> 0;
      this.ofBit[bit] = none ^ this.crcPastTail(word | 0, 0, 0, 0);
      this.ofBit[32 + bit] = none ^ this.crcPastTail(0, 0, word, 0);
      this.ofBit[64 + bit] = none ^ this.crcPastTail(0, 0, 0, word);
    }
    for (let table = 0; table < 3; table++)
      fillByBits(this.tables, table * WORD_TABLE, this.ofBit.subarray(table * 32, table * 32 + 32));
    this.tabledLength = bodyLength;
    return true;
  }

  /** Writes a record of `overhead` and the body's bytes; the caller has seen to the room. `view` is over the same bytes as `target`. */
  write(
    target: Buffer,
    view: DataView,
    at: number,
    body: Buffer,
    queueId: number,
    queueOffset: number,
    physicalOffset: number,
    idEnd: number,
  ): number {
    const bodyLength = body.length;
    const size = this.overhead + bodyLength;
    if (bodyLength !== this.bodyLength) this.measure(bodyLength, size);
    const bodyAt = at + AT_BODY;
    target.set(body, bodyAt);
    const bodyCrc =
      bodyLength <= SHORT_IN_VIEW ? crcInView(view, bodyAt, bodyAt + bodyLength) : crcOf(body, 0, bodyLength);
    this.frame(view, at, size, bodyLength, queueId);
    const crc = this.crcPastTail(bodyCrc, queueId, queueOffset, physicalOffset);
    this.complete(target, view, at, bodyLength, bodyCrc, queueOffset, physicalOffset, idEnd, crc);
    return size;
  }

  /** Writes the records of a batch one behind the other, as `write` would each of them, and returns how many bytes they take. */
  writeAlike(
    target: Buffer,
    view: DataView,
    start: number,
    batch: AlikeBatch,
    queueId: number,
    queueOffset: number,
    physicalOffset: number,
  ): number {
    const { bodies, length: count } = batch;
    const by = physicalOffset - start;
    let at = start;
    let from = 0;
    for (let place = 0; place < count;) {
      const bodyLength = bodies.end(place) - from;
      let behind = place + 1;
      while (behind < count && bodies.end(behind) - bodies.end(behind - 1) === bodyLength) behind++;
      const size = this.overhead + bodyLength;
      if (bodyLength !== this.bodyLength) this.measure(bodyLength, size);
      this.frame(view, at, size, bodyLength, queueId);
      repeat(target, at, size, behind - place);
      const tabled = this.tabledLength === bodyLength || (behind - place >= WORTH_TABLES && this.tabulate(bodyLength));
      // Of what is the same for all of them, unless an offset gets beyond a multiple of 2^32.
      let high = -1;
      let common = 0;
      for (; place < behind; place++) {
        let bodyCrc;
        if (bodyLength <= SHORT_IN_VIEW) bodyCrc = crcOfCopy(bodies.view, from, view, at + AT_BODY, bodyLength);
        else {
          const body = bodies.body(place);
          target.set(body, at + AT_BODY);
          bodyCrc = crcOf(body, 0, bodyLength);
        }
        const idEnd = batch.idEnd(place);
        const queueAt = queueOffset + place;
        let crc;
        if (tabled) {
          if (high !== highsOf(queueAt, by + at)) {
            high = highsOf(queueAt, by + at);
            common = this.crcPastTail(0, queueId, queueAt, by + at) ^ this.crcOfLows(0, queueAt, by + at);
          }
          crc = common ^ this.crcOfLows(bodyCrc, queueAt, by + at);
        } else crc = this.crcPastTail(bodyCrc, queueId, queueAt, by + at);
        this.complete(target, view, at, bodyLength, bodyCrc, queueAt, by + at, idEnd, crc);
        at += size;
        from += bodyLength;
      }
    }
    return at - start;
  }

  /** What all records with a body of that length have in common but for the body. */
  private frame(view: DataView, at: number, size: number, bodyLength: number, queueId: number): void {
    const { frontWords, tailWords } = this;
    view.setInt32(at, size);
    view.setInt32(at + AT_MAGIC, MAGIC_V1);
    view.setInt32(at + AT_QUEUE_ID, queueId);
    view.setInt32(at + AT_QUEUE_ID + 4, 0);
    for (let word = SHARED_FROM; word < FRONT_WORDS - 1; word++) view.setInt32(at + word * 4, frontWords[word]!);
    view.setInt32(at + AT_BODY_LENGTH, bodyLength);
    const tailAt = at + AT_BODY + bodyLength;
    // The last word ends behind the tail, where the CRC is written later.
    for (let word = 0; word < tailWords.length; word++) view.setInt32(tailAt + word * 4, tailWords[word]!);
  }

  /** What a record has of its own, once frame and body are there. */
  private complete(
    target: Buffer,
    view: DataView,
    at: number,
    bodyLength: number,
    bodyCrc: number,
    queueOffset: number,
    physicalOffset: number,
    idEnd: number,
    crcPastTail: number,
  ): void {
    const queueOffsetHigh = Math.floor(queueOffset / TWO_32);
    const physicalOffsetHigh = Math.floor(physicalOffset / TWO_32);
    view.setInt32(at + AT_BODY_CRC, bodyCrc & NO_CRC_BIT);
    view.setInt32(at + AT_QUEUE_OFFSET, queueOffsetHigh);
    view.setInt32(at + AT_QUEUE_OFFSET + 4, queueOffset - queueOffsetHigh * TWO_32);
    view.setInt32(at + AT_PHYSICAL_OFFSET, physicalOffsetHigh);
    view.setInt32(at + AT_PHYSICAL_OFFSET + 4, physicalOffset - physicalOffsetHigh * TWO_32);
    const tailAt = at + AT_BODY + bodyLength;
    view.setInt32(tailAt + this.digitsAt, (HEX[(idEnd >>> 8) & 255]! << 16) | HEX[idEnd & 255]!);
    const { digits } = this;
    const tailCrc =
      this.tailCrc ^
      digits[(idEnd >>> 12) & 15]! ^
      digits[16 | ((idEnd >>> 8) & 15)]! ^
      digits[32 | ((idEnd >>> 4) & 15)]! ^
      digits[48 | (idEnd & 15)]!;
    writeCrc(target, tailAt + this.tail.length, (crcPastTail ^ tailCrc) & NO_CRC_BIT);
  }
}

/** Writes the bytes that begin at `at` so many times in all, twice as many with each call. */
function repeat(target: Buffer, at: number, bytes: number, times: number): void {
  for (let have = 1; have < times; have *= 2) {
    target.copyWithin(at + have * bytes, at, at + Math.min(have, times - have) * bytes);
  }
}

function lowWord(number: number): number {
  return number - Math.floor(number / TWO_32) * TWO_32;
}

/** Differs for offsets of which either has got beyond a multiple of 2^32. */
function highsOf(queueOffset: number, physicalOffset: number): number {
  return Math.floor(queueOffset / TWO_32) + Math.floor(physicalOffset / TWO_32);
}

function toWords(bytes: Buffer, words: Int32Array, count: number): void {
  for (let word = 0; word < count; word++) words[word] = readInt32(bytes, word * 4);
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
