import { MessagingError } from '../../lib/protocol/index.js';
import { BATCHES, BODIES, FRAMES, PROPERTIES } from './samples.js';
import { refusesCut, type Target, ZSTD_FRAMES } from './targets.js';

/** Decoders with the faults that such decoders have: each must be found, or the fuzzing shows nothing. */
export const BROKEN: readonly Target[] = [
  {
    name: 'a frame whose header length is believed',
    samples: FRAMES,
    decode: (bytes) => {
      if (bytes.length < 8) throw new MessagingError('FRAME_INVALID', 'short');
      const length = bytes.readInt32BE(4) & 0xffffff;
      bytes.readUInt8(8 + length - 1);
    },
  },
  {
    name: 'a batch that goes on by sizes of 0',
    samples: BATCHES,
    decode: (bytes) => {
      let rounds = 0;
      for (let at = 0; at + 4 <= bytes.length; at += bytes.readUInt32BE(at)) {
        if (++rounds > 10_000) throw new Error('never ends');
      }
    },
  },
  {
    name: 'a body that is whatever JSON says',
    samples: BODIES,
    decode: (bytes) => {
      let value: { clientID?: string };
      try {
        value = JSON.parse(bytes.toString('utf8')) as typeof value;
      } catch {
        throw new MessagingError('BAD_ARGUMENT', 'no JSON');
      }
      value.clientID?.slice(0, 3);
    },
  },
  {
    name: 'properties that are kept in an object',
    samples: PROPERTIES,
    decode: (bytes) => {
      const read: Record<string, string> = {};
      let names = 0;
      for (const entry of bytes.toString('latin1').split('\x02')) {
        const [name, value] = entry.split('\x01');
        if (name === undefined || value === undefined || name in read) continue;
        names++;
        read[name] = value;
      }
      if (Object.keys(read).length !== names || bytes.includes('\x02\x02\x01')) throw new Error('an entry got lost');
    },
  },
  {
    name: 'Zstandard frames whose last block may end early',
    samples: ZSTD_FRAMES,
    decode: refusesCut((bytes) => {
      if (bytes.length < 9) throw new Error('cut off');
    }),
  },
];
