import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What was booked, in a file that outlives the bank. */
export class Ledger {
  private readonly path: string;

  constructor(
    folder: string,
    private readonly say: (line: string) => void,
  ) {
    this.path = join(folder, 'ledger.txt');
  }

  /** Knows nothing of earlier bookings, as the account of a card does not: each call takes the money once more. */
  book(invoice: string): void {
    appendFileSync(this.path, `${invoice}\n`);
    this.say(`booked ${invoice}`);
  }

  booked(): string[] {
    return existsSync(this.path) ? readFileSync(this.path, 'utf8').trimEnd().split('\n') : [];
  }
}
