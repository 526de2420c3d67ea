import type { Claim } from '../../store.js';
import type { InboxRow } from './inbox-rows.js';

/** What is said of a message that was handled. */
export type Known =
  { readonly outcome: 'completed'; readonly result: Buffer | undefined } | { readonly outcome: 'conflict' };

/** Only where both have a fingerprint is it compared. */
export function known({ fingerprint }: Claim, row: Pick<InboxRow, 'fingerprint' | 'result'>): Known {
  return differ(fingerprint, row.fingerprint) ? { outcome: 'conflict' } : { outcome: 'completed', result: row.result };
}

function differ(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

/**
 * Answers what stands there for the second time: as the first when that is known, otherwise what `whenAcquired` says. The
 * first are answered already.
 */
export function answerDuplicates<A extends { readonly outcome: string }>(
  claims: readonly Claim[],
  answers: (A | Known)[],
  whenAcquired: A | Known,
): void {
  const first = new Map<string, number>();
  for (const [place, claim] of claims.entries()) {
    const before = first.get(claim.key);
    if (before === undefined) {
      first.set(claim.key, place);
      continue;
    }
    const answer = answers[before]!;
    const other = differ(claim.fingerprint, claims[before]!.fingerprint);
    if (answer.outcome === 'acquired') answers[place] = other ? { outcome: 'conflict' } : whenAcquired;
    else answers[place] = other && answer.outcome === 'completed' ? { outcome: 'conflict' } : answer;
  }
}
