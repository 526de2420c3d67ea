import { readFileSync } from 'node:fs';

/** The path of a certificate or key that `make.sh` has made. */
export function certificatePath(file: string): string {
  return `test/certificates/${file}`;
}

/** Its PEM text. */
export function pem(file: string): string {
  return readFileSync(certificatePath(file), 'utf8');
}
