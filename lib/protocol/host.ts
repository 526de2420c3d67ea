import { MessagingError } from './errors.js';
import { readInt32, writeInt32 } from './int64.js';

// A host in a record or an id, its length told by a bit of the sysFlag or by the length of the id:
//
//   +-----------------+--------------+
//   | address 4 or 16 | port, int32  |
//   +-----------------+--------------+

export const HOST_V4_BYTES = 8;
export const HOST_V6_BYTES = 20;
/** What `Channel.remoteAddress` says without a network. */
export const IN_PROCESS = 'in-process';
/** How the address of a socket in the file system begins; its path follows. */
export const UNIX_PREFIX = 'unix:';

const MAPPED_PREFIX = '::ffff:';
const CACHE_LIMIT = 4096;
const bytesOf = new Map<string, Buffer>();
/** Texts of the IPv4 hosts seen last, each in the one place that its bytes lead to. */
const TEXTS = 256;
const textKeys = new Float64Array(TEXTS).fill(-1);
const texts = new Array<string>(TEXTS).fill('');

/**
 * Bytes of `1.2.3.4:80` or `[::1]:80` (also without brackets); `in-process` and `unix:…` are 127.0.0.1:0. Cached: do not
 * change them.
 */
export function hostBytes(host: string): Buffer {
  let bytes = bytesOf.get(host);
  if (bytes === undefined) {
    bytes = parseHost(host);
    if (bytesOf.size >= CACHE_LIMIT) {
      bytesOf.clear();
    }
    bytesOf.set(host, bytes);
  }
  return bytes;
}

function parseHost(host: string): Buffer {
  if (host === IN_PROCESS || host.startsWith(UNIX_PREFIX)) {
    return Buffer.from([127, 0, 0, 1, 0, 0, 0, 0]);
  }
  const colon = host.lastIndexOf(':');
  const portText = host.slice(colon + 1);
  const port = Number(portText);
  const address = host
    .slice(0, colon)
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '');
  const bytes = colon > 0 && /^\d{1,5}$/.test(portText) && port <= 65_535 ? addressBytes(address) : undefined;
  if (bytes === undefined) {
    throw new MessagingError('BAD_ARGUMENT', `${JSON.stringify(host)} is no host; write 1.2.3.4:80 or [::1]:80.`);
  }
  const result = Buffer.alloc(bytes.length + 4);
  result.set(bytes);
  writeInt32(result, bytes.length, port);
  return result;
}

/** 4 or 16 bytes; an IPv4 address in IPv6 clothes is an IPv4 address. Undefined for what is none (names too). */
export function addressBytes(address: string): Uint8Array | undefined {
  const plain = address.toLowerCase().startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : address;
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(plain);
  if (v4 !== null) {
    const parts = v4.slice(1).map(Number);
    return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
  }
  return v6Bytes(address);
}

function v6Bytes(address: string): Uint8Array | undefined {
  const halves = withHexTail(address).split('::');
  if (halves.length > 2) {
    return undefined;
  }
  const [head = [], tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = head.length + (tail?.length ?? 0);
  if (tail === undefined ? given !== 8 : given > 7) {
    return undefined;
  }
  const groups = [...head, ...new Array<string>(8 - given).fill('0'), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) {
    return undefined;
  }
  return Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >>> 8, parseInt(group, 16) & 0xff]));
}

/** The last 32 bits may be written as an IPv4 address. */
function withHexTail(address: string): string {
  const found = /^(.*:)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.exec(address);
  const bytes = found === null ? undefined : addressBytes(found[2]!);
  return found === null || bytes === undefined
    ? address
    : `${found[1]}${((bytes[0]! << 8) | bytes[1]!).toString(16)}:${((bytes[2]! << 8) | bytes[3]!).toString(16)}`;
}

/** `1.2.3.4:80` or `[::1]:80` of the 8 or 20 bytes at this place. */
export function hostText(bytes: Uint8Array, at: number, v6: boolean): string {
  if (v6) {
    return `[${v6Text(bytes, at)}]:${readInt32(bytes, at + 16)}`;
  }
  const address = readInt32(bytes, at);
  const port = readInt32(bytes, at + 4);
  // Ports are 16 bits; a forged one would collide with another host's key.
  if (port >>> 16 !== 0) return v4Text(bytes, at, port);
  const key = (address >>> 0) * 65_536 + port;
  const place = (address ^ (address >>> 16) ^ port ^ (port >>> 8)) & (TEXTS - 1);
  if (textKeys[place] !== key) {
    textKeys[place] = key;
    texts[place] = v4Text(bytes, at, port);
  }
  return texts[place]!;
}

function v4Text(bytes: Uint8Array, at: number, port: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}:${port}`;
}

/** RFC 5952: lower case, the longest run of zero groups (two at least) as `::`. */
function v6Text(bytes: Uint8Array, at: number): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push(((bytes[at + i]! << 8) | bytes[at + i + 1]!).toString(16));
  }
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === '0') {
      end++;
    }
    if (end - i > bestLength) {
      best = i;
      bestLength = end - i;
    }
    i = Math.max(i, end - 1);
  }
  return best < 0
    ? groups.join(':')
    : `${groups.slice(0, best).join(':')}::${groups.slice(best + bestLength).join(':')}`;
}

export function isV6Host(host: string): boolean {
  return hostBytes(host).length === HOST_V6_BYTES;
}
