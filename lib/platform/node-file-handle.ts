import { close, fdatasync, fstat, ftruncate, open, read, write } from 'node:fs';
import type { FileHandle } from './file-system.js';

/** Stores hold what users send: nobody else on the machine may read it. */
const OWNER_ONLY = 0o600;

/**
 * A file of the machine. The calls go to Node's thread pool by numeric descriptor, one promise each: fs.promises keeps
 * a handle object and a second promise for every call.
 */
export class NodeFileHandle implements FileHandle {
  constructor(
    readonly fd: number,
    readonly path: string,
  ) {}

  write(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let done = 0;
      const next = (): void => {
        write(this.fd, bytes, done, bytes.length - done, position + done, (error, count) => {
          if (error) {
            reject(error);
            return;
          }
          done += count;
          if (done >= bytes.length) resolve();
          // A device that takes nothing and reports no error would keep this loop busy for ever.
          else if (count === 0)
            reject(new Error(`The device took none of ${bytes.length - done} bytes for ${this.path}`));
          else next();
        });
      };
      next();
    });
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      let done = 0;
      const next = (): void => {
        read(this.fd, target, done, target.length - done, position + done, (error, count) => {
          if (error) {
            reject(error);
            return;
          }
          done += count;
          if (count === 0 || done >= target.length) resolve(done);
          else next();
        });
      };
      if (target.length === 0) resolve(0);
      else next();
    });
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      ftruncate(this.fd, size, (error) => (error ? reject(error) : resolve()));
    });
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fstat(this.fd, (error, facts) => (error ? reject(error) : resolve(facts.size)));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      close(this.fd, (error) => (error ? reject(error) : resolve()));
    });
  }
}

export function openNodeFile(path: string, flags: string | number): Promise<NodeFileHandle> {
  return new Promise((resolve, reject) => {
    open(path, flags, OWNER_ONLY, (error, fd) => (error ? reject(error) : resolve(new NodeFileHandle(fd, path))));
  });
}
