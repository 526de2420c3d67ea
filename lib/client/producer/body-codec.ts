import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import { compressionType, isCompressed, MessagingError, withZlibCompression } from '../../protocol/index.js';
import { IN_PROCESS_ADDRESS, type Channel } from '../../remoting/index.js';

// The asynchronous forms work on the thread pool: compression never holds up the host's event loop.
const deflateAsync = promisify(deflate);
const inflateAsync = promisify(inflate);

const COMPRESSION_LEVEL = 5;

/** A body may unfold to this; more is taken for an attack on memory. */
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/** A body as it travels. */
export interface WireBody {
  readonly body: Buffer;
  readonly sysFlag: number;
}

/** Compresses if that helps; never in process, where nothing travels. */
export async function compressFor(channel: Channel, wire: WireBody): Promise<WireBody> {
  if (channel.remoteAddress === IN_PROCESS_ADDRESS) return wire;
  const body = await deflateAsync(wire.body, { level: COMPRESSION_LEVEL });
  return body.length < wire.body.length ? { body, sysFlag: withZlibCompression(wire.sysFlag) } : wire;
}

export function needsDecompression(sysFlag: number): boolean {
  return isCompressed(sysFlag);
}

/** Rejects with UNDECODABLE. */
export async function decompress(body: Buffer, sysFlag: number): Promise<Buffer> {
  const type = compressionType(sysFlag);
  if (type !== 'zlib') {
    throw new MessagingError(
      'UNDECODABLE',
      `The body is compressed with ${type ?? 'an unknown method'}; this client reads zlib. Let the producer use that, or none`,
    );
  }
  try {
    return await inflateAsync(body, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch (error) {
    throw new MessagingError('UNDECODABLE', `The body is no zlib stream: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
