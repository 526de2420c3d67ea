import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type * as Fzstd from 'fzstd';
import { requireWholeZstdFrames } from './zstd-frame.js';

type Native = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

/** Node has it since 22.15. */
const { zstdDecompress } = zlib as unknown as { zstdDecompress?: (...args: never[]) => void };
const native = zstdDecompress === undefined ? undefined : (promisify(zstdDecompress) as unknown as Native);

/** Unfolds Zstandard frames: by Node on its thread pool, otherwise by the package `fzstd`, which is loaded with the first one. */
export async function decompressZstd(bytes: Buffer, limit: number): Promise<Buffer> {
  requireWholeZstdFrames(bytes);
  if (native !== undefined) return native(bytes, { maxOutputLength: limit });
  const { Decompress } = await load();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const decoder = new Decompress((chunk) => {
    length += chunk.length;
    if (length > limit) throw new Error(`it unfolds to more than ${limit} bytes`);
    chunks.push(chunk);
  });
  decoder.push(bytes, true);
  return Buffer.concat(chunks, length);
}

async function load(): Promise<typeof Fzstd> {
  try {
    return await import('fzstd');
  } catch (error) {
    throw new Error(
      'this version of Node cannot read Zstandard: install the package fzstd, or use Node 22.15 or later',
      {
        cause: error,
      },
    );
  }
}
