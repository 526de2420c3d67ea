const ZEROS = Buffer.alloc(64 * 1024);

function isZero(bytes: Uint8Array): boolean {
  return bytes.length <= ZEROS.length && ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;
}

/**
 * Growable bytes in pages. Growing copies nothing, an untouched page takes no memory, and a snapshot shares its pages
 * with the original until one of the two writes to them.
 */
export class PagedBytes {
  private pages: (Uint8Array | undefined)[] = [];
  /** 1: the page is ours alone and may be written in place. */
  private owned: number[] = [];
  private length = 0;
  private allocated = 0;

  constructor(
    private readonly pageBytes: number,
    /** Whether a page of zeros takes no memory either; a disk that runs full must count it. */
    private readonly sparse = false,
  ) {}

  get size(): number {
    return this.length;
  }

  /** Memory that is really taken; pages shared with a snapshot count for both. */
  get allocatedBytes(): number {
    return this.allocated * this.pageBytes;
  }

  /** Memory that a write of `length` bytes at `position` would take on top. */
  missingBytes(position: number, length: number): number {
    let missing = 0;
    const end = Math.ceil((position + length) / this.pageBytes);
    for (let index = Math.floor(position / this.pageBytes); index < end; index++)
      if (this.pages[index] === undefined) missing++;
    return missing * this.pageBytes;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    let from = 0;
    while (from < bytes.length) {
      const at = position + from;
      const index = Math.floor(at / this.pageBytes);
      const inPage = at - index * this.pageBytes;
      const count = Math.min(this.pageBytes - inPage, bytes.length - from);
      const part = from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count);
      // A log file that is prepared with zeros takes no memory until something is written to it.
      const absent = this.sparse && this.pages[index] === undefined && count === this.pageBytes && isZero(part);
      if (!absent) {
        this.writable(index).set(part, inPage);
      }
      from += count;
    }
    if (end > this.length) this.length = end;
  }

  read(target: Uint8Array, position: number): number {
    const total = Math.max(0, Math.min(target.length, this.length - position));
    let done = 0;
    while (done < total) {
      const at = position + done;
      const index = Math.floor(at / this.pageBytes);
      const inPage = at - index * this.pageBytes;
      const count = Math.min(this.pageBytes - inPage, total - done);
      const page = this.pages[index];
      if (page === undefined) target.fill(0, done, done + count);
      else target.set(page.subarray(inPage, inPage + count), done);
      done += count;
    }
    return total;
  }

  truncate(size: number): void {
    if (size < this.length) {
      const kept = Math.ceil(size / this.pageBytes);
      for (let index = kept; index < this.pages.length; index++) if (this.pages[index] !== undefined) this.allocated--;
      this.pages.length = Math.min(this.pages.length, kept);
      this.owned.length = this.pages.length;
      const inPage = size % this.pageBytes;
      // What is cut off must read as zeros when the file grows over it again.
      if (inPage > 0 && this.pages[kept - 1] !== undefined) this.writable(kept - 1).fill(0, inPage);
    }
    this.length = size;
  }

  snapshot(): PagedBytes {
    const copy = new PagedBytes(this.pageBytes, this.sparse);
    copy.pages = this.pages.slice();
    copy.owned = new Array<number>(this.pages.length).fill(0);
    copy.length = this.length;
    copy.allocated = this.allocated;
    this.owned.fill(0);
    return copy;
  }

  private writable(index: number): Uint8Array {
    while (this.pages.length <= index) {
      this.pages.push(undefined);
      this.owned.push(0);
    }
    const page = this.pages[index];
    if (page !== undefined && this.owned[index] === 1) return page;
    const own = new Uint8Array(this.pageBytes);
    if (page === undefined) this.allocated++;
    else own.set(page);
    this.pages[index] = own;
    this.owned[index] = 1;
    return own;
  }
}
