// Whether a curve fits on the disk, before it writes the first byte.
import { statfsSync } from 'node:fs';

const GIB = 1024 ** 3;
/** The broker refuses sends with less than 8 GiB free on a disk that is more than 90 % full: a curve stays clear of that. */
const SPARE_BYTES = 10 * GIB;

export function gibibytes(bytes) {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

/** `{ fits, text }`: what the curve needs and what there is. */
export function room(curve, sizes, directory, statfs = statfsSync) {
  const needed = curve.bytesNeeded(sizes);
  const { bavail, bsize } = statfs(directory);
  const free = Number(bavail) * Number(bsize);
  const fits = free - needed >= SPARE_BYTES;
  const spare = `${gibibytes(SPARE_BYTES)} must stay free`;
  const text = `needs ${gibibytes(needed)} in ${directory}, ${gibibytes(free)} are free (${spare})`;
  return { fits, needed, free, text };
}
