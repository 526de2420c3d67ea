import { LIMITS } from '../names.js';
import { SysFlag } from '../sys-flag.js';

// The stored message; what a pull answers is these bytes as they lie in the log. Big-endian.
//
//    at  bytes
//     0    4    total size, itself included
//     4    4    magic: v1 0xDAA320A7, v2 0xDAA320AB (two bytes of topic length)
//     8    4    CRC-32 of the body, without its top bit
//    12    4    queue id
//    16    4    flag, the user's
//    20    8    queue offset
//    28    8    physical offset: where in the log this record begins
//    36    4    sysFlag
//    40    8    born timestamp, ms since 1970, the sender's clock
//    48   8|20  born host: address 4|16, port int32; 20 if sysFlag has BORN_HOST_V6
//    56    8    store timestamp                            (from here on: offsets with two IPv4 hosts)
//    64   8|20  store host; 20 if sysFlag has STORE_HOST_V6
//    72    4    reconsume times
//    76    8    prepared transaction offset
//    84    4    body length b
//    88    b    body
//  88+b   1|2   topic length t
//   ...    t    topic
//   ...    2    properties length p
//   ...    p    properties; the last 20 bytes are the CRC of the whole record:
//
//               "__CRC32#" 0x01 d0 d1 … d9 0x02
//
//               ten decimal digits, least significant first, of the CRC-32 (without its top bit) of everything
//               before these 20 bytes. Always written by us; absent from records of brokers that do not write it.

export const MAGIC_V1 = 0xdaa320a7 | 0;
export const MAGIC_V2 = 0xdaa320ab | 0;
/** Rest of a segment that holds no record: int32 size of the rest, this magic, anything. */
export const BLANK_MAGIC = 0xcbd43194 | 0;
/** A record is placed in a segment only if this many bytes stay behind it for the blank. */
export const BLANK_BYTES = 8;

export const AT_MAGIC = 4;
export const AT_BODY_CRC = 8;
export const AT_QUEUE_ID = 12;
export const AT_FLAG = 16;
export const AT_QUEUE_OFFSET = 20;
export const AT_PHYSICAL_OFFSET = 28;
export const AT_SYS_FLAG = 36;
export const AT_BORN_TIMESTAMP = 40;
export const AT_BORN_HOST = 48;

/** What an IPv6 host takes more than an IPv4 one. */
const V6_EXTRA = 12;
/** From the start to the body's length with two IPv4 hosts. */
export const AT_BODY_LENGTH = 84;
/** All lengths and fixed fields of a v1 record with two IPv4 hosts; a record with nothing in it. */
export const SMALLEST_RECORD = AT_BODY_LENGTH + 4 + 1 + 2;
/** Above it a size is no size but damage. */
export const LARGEST_RECORD = LIMITS.bodyBytes + 64 * 1024;

/** What the store of RocketMQ takes; names are shorter, see `LIMITS`. */
export const LARGEST_TOPIC = 255;

export const CRC_PROPERTY = '__CRC32#';
/** The CRC's own property: name, 0x01, ten digits, 0x02. */
export const CRC_PROPERTY_BYTES = CRC_PROPERTY.length + 1 + 10 + 1;

const V1_TOPIC_LIMIT = 127;

export function bornHostIsV6(sysFlag: number): boolean {
  return (sysFlag & SysFlag.BORN_HOST_V6) !== 0;
}

export function storeHostIsV6(sysFlag: number): boolean {
  return (sysFlag & SysFlag.STORE_HOST_V6) !== 0;
}

export function storeTimestampAt(sysFlag: number): number {
  return AT_BORN_HOST + 8 + (bornHostIsV6(sysFlag) ? V6_EXTRA : 0);
}

/** Where, from the start of the record, the body's length stands. */
export function bodyLengthAt(sysFlag: number): number {
  return AT_BODY_LENGTH + (bornHostIsV6(sysFlag) ? V6_EXTRA : 0) + (storeHostIsV6(sysFlag) ? V6_EXTRA : 0);
}

/** 1, or 2 for topics over 127 bytes, which make the record a v2 one. */
export function topicLengthBytes(topicLength: number): number {
  return topicLength > V1_TOPIC_LIMIT ? 2 : 1;
}
