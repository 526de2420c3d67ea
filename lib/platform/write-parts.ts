/** What is left of the parts behind their first `count` bytes. */
export function behind(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  let index = 0;
  while (index < parts.length && left >= parts[index]!.length) left -= parts[index++]!.length;
  if (left === 0) return index === 0 ? parts : parts.slice(index);
  return [parts[index]!.subarray(left), ...parts.slice(index + 1)];
}

export function bytesOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}

/** A device that takes nothing and reports no error would keep a writer busy for ever. */
export function noneTaken(path: string, position: number): Error {
  return new Error(`The device took none of the bytes for ${path} at ${position}`);
}
