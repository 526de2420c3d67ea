import { isDeepStrictEqual } from 'node:util';
import { decompressLz4Frames } from '../../lib/client/compression/lz4-frame.js';
import { requireWholeZstdFrames } from '../../lib/client/compression/zstd-frame.js';
import * as protocol from '../../lib/protocol/index.js';
import { decodeFrame, FrameParser, MAX_FRAME_BYTES } from '../../lib/remoting/index.js';
import { BATCHES, BODIES, FRAMES, PACK_ANSWERS, PACKS, PROPERTIES, RECORDS } from './samples.js';

const LZ4_LIMIT = 1 << 20;
/** Literals, a match that reaches into itself, one into the block before, and a block stored as it is. */
const LZ4_FRAMES = ['04224d184040c007000000106101002062630600000010640300106502000080787900000000'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

/** Five bytes as they are; a frame to pass over; one byte repeated, with a window and a checksum behind it. */
export const ZSTD_FRAMES = ['28b52ffd200529000068656c6c6f', '502a4d180300000061626328b52ffd0400430000780d0e0a0d'].map(
  (hex) => Buffer.from(hex, 'hex'),
);

/** A decoder, with what it is fed. It may refuse with a MessagingError; everything else that it throws is a fault. */
export interface Target {
  readonly name: string;
  readonly samples: readonly Buffer[];
  decode(bytes: Buffer): void;
}

function claim(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

/** What is decoded, written and decoded again must be the same. */
function stable<T>(decode: (bytes: Buffer) => T, encode: (value: T) => Buffer): (bytes: Buffer) => void {
  return (bytes) => {
    const value = decode(bytes);
    claim(isDeepStrictEqual(decode(encode(value)), value), 'what was read is read again as it was written');
  };
}

/** A stream of frames as a channel takes it, in one piece and in two. */
function readStream(bytes: Buffer): void {
  const whole = framesOf([bytes]);
  const middle = bytes.length >> 1;
  const parts = framesOf([bytes.subarray(0, middle), bytes.subarray(middle)]);
  claim(isDeepStrictEqual(whole, parts), 'a stream is read alike however it is cut');
}

function framesOf(chunks: readonly Buffer[]): unknown[] {
  const seen: unknown[] = [];
  const parser = new FrameParser((frame, start, end) => {
    const command = decodeFrame(frame, start, end);
    seen.push([command.code, command.opaque, command.flag, [...command.extFields!], command.body?.toString('hex')]);
    claim((command.body?.length ?? 0) <= MAX_FRAME_BYTES, 'a body fits into its frame');
    headerOf(command, seen);
  });
  try {
    for (const chunk of chunks) parser.push(chunk);
  } catch (error) {
    if (!(error instanceof protocol.MessagingError)) throw error;
    seen.push(error.code);
  }
  return seen;
}

function headerOf(command: protocol.RemotingCommand, seen: unknown[]): void {
  const { code, extFields, flag } = command;
  try {
    seen.push(
      (flag & 1) === 0
        ? protocol.requestHeaderSchema(code).fromFields(extFields!)
        : protocol.decodeResponseHeader(protocol.RequestCode.PULL_MESSAGE, code, extFields!),
    );
  } catch (error) {
    if (!(error instanceof protocol.MessagingError)) throw error;
    seen.push(error.code);
  }
}

function readRecords(bytes: Buffer): void {
  for (const record of protocol.decodeRecords(bytes)) {
    claim(
      record.body.length <= bytes.length && record.topic.length <= bytes.length,
      'a record lies inside what was read',
    );
    protocol.decodeProperties(record.properties);
  }
}

function readProperties(bytes: Buffer): void {
  const text = bytes.toString('utf8');
  const all = protocol.decodeProperties(text);
  for (const [name, value] of all)
    claim(protocol.getProperty(text, name) === value, `${JSON.stringify(name)} is found alike`);
  protocol.tagsCode(text);
  const names = [...all.keys()].slice(0, 1);
  const without = protocol.decodeProperties(protocol.removeProperties(text, names));
  for (const name of names) claim(!without.has(name), `${JSON.stringify(name)} can be removed`);
}

/** It may say what is wrong with them; anything but its own plain errors is a fault. */
function readLz4(bytes: Buffer): void {
  try {
    claim(decompressLz4Frames(bytes, LZ4_LIMIT).length <= LZ4_LIMIT, 'it stays within the limit');
  } catch (error) {
    if ((error as Error).name !== 'Error') throw error;
    throw new protocol.MessagingError('UNDECODABLE', (error as Error).message, { cause: error });
  }
}

/** What is taken for whole is not, once its last byte is gone. */
export function refusesCut(requireWhole: (bytes: Buffer) => void): (bytes: Buffer) => void {
  const takes = (bytes: Buffer): boolean => {
    try {
      requireWhole(bytes);
      return true;
    } catch (error) {
      if ((error as Error).name !== 'Error') throw error;
      return false;
    }
  };
  return (bytes) => {
    if (!takes(bytes)) throw new protocol.MessagingError('UNDECODABLE', 'no whole frames');
    claim(bytes.length === 0 || !takes(bytes.subarray(0, -1)), 'what is cut off is refused');
  };
}

const bodies = Object.entries({
  heartbeat: stable(protocol.decodeHeartbeatData, protocol.encodeHeartbeatData),
  'client configuration': protocol.decodeClientConfig,
  'queues to lock': stable(protocol.decodeLockBatchRequestBody, protocol.encodeLockBatchRequestBody),
  'locked queues': stable(protocol.decodeLockBatchResponseBody, protocol.encodeLockBatchResponseBody),
  'queue offsets': protocol.decodeQueueOffsets,
  'topic figures': protocol.decodeTopicStats,
  'consume figures': protocol.decodeConsumeStats,
  route: protocol.decodeTopicRouteData,
  topic: protocol.decodeTopicConfig,
  topics: protocol.decodeTopicConfigList,
  registration: protocol.decodeRegisterBrokerBody,
  'compressed registration': protocol.decodeCompressedRegistration,
  'data version': protocol.decodeDataVersion,
  cluster: protocol.decodeClusterInfo,
  'broker members': protocol.decodeBrokerMembers,
  'consumer list': protocol.decodeConsumerListBody,
  'topic list': protocol.decodeTopicList,
  'group list': protocol.decodeGroupList,
  group: protocol.decodeSubscriptionGroup,
  groups: protocol.decodeSubscriptionGroups,
  'group settings': protocol.decodeSubscriptionGroupList,
  'configuration text': protocol.decodeConfigText,
  'key-value table': protocol.decodeKvTable,
  'key-value file': protocol.decodeKvConfigFile,
  'running information': protocol.decodeRunningInfo,
  'direct result': protocol.decodeDirectResult,
  'member positions': protocol.decodeMemberPositions,
}).map(([name, decode]): Target => ({ name: `body: ${name}`, samples: BODIES, decode: (bytes) => void decode(bytes) }));

export const TARGETS: readonly Target[] = [
  { name: 'frames', samples: FRAMES, decode: readStream },
  { name: 'records', samples: RECORDS, decode: readRecords },
  {
    name: 'a record in the log',
    samples: RECORDS,
    decode: (bytes) => {
      const found = protocol.inspectRecord(bytes, 0, bytes.length, 4096);
      claim(typeof found === 'object', 'the log is told what lies there');
    },
  },
  { name: 'batch', samples: BATCHES, decode: stable(protocol.decodeBatchBody, protocol.encodeBatchBody) },
  {
    name: 'pack',
    samples: PACKS,
    decode: (bytes) => {
      const topics = protocol.topicsOfPack(bytes);
      stable(protocol.decodeSendPack, protocol.encodeSendPack)(bytes);
      claim(isDeepStrictEqual(topics, protocol.decodeSendPack(bytes).topics), 'who is let in sends to the same topics');
    },
  },
  {
    name: 'answer to a pack',
    samples: PACK_ANSWERS,
    decode: stable(protocol.decodePackAnswer, protocol.encodePackAnswer),
  },
  { name: 'properties', samples: PROPERTIES, decode: readProperties },
  {
    name: 'message id',
    samples: [Buffer.from('7F00000100002A9F0000000000001000')],
    decode: (bytes) => void protocol.decodeOffsetMessageId(bytes.toString('latin1')),
  },
  { name: 'LZ4 frames', samples: LZ4_FRAMES, decode: readLz4 },
  { name: 'Zstandard frames', samples: ZSTD_FRAMES, decode: refusesCut(requireWholeZstdFrames) },
  ...bodies,
];
