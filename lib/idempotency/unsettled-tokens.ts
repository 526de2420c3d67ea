const MOST = 10_000;

/**
 * Tokens of claims whose answer did not come: the store may have given them out. The next claim of the same key asks with the
 * same token, and is not told that it is busy with itself until the lease ends.
 */
export class UnsettledTokens {
  /** Of one key several, when copies of a message came at once: one of them may have it, and the first is the likeliest. */
  private readonly tokens = new Map<string, string[]>();

  keep(key: string, token: string): void {
    const kept = this.tokens.get(key);
    if (kept !== undefined) {
      kept.push(token);
      return;
    }
    if (this.tokens.size >= MOST) {
      const [oldest] = this.tokens.keys();
      this.tokens.delete(oldest as string);
    }
    this.tokens.set(key, [token]);
  }

  /** Whoever takes a token is the only one that uses it. */
  take(key: string): string | undefined {
    if (this.tokens.size === 0) return undefined;
    const kept = this.tokens.get(key);
    if (kept === undefined) return undefined;
    if (kept.length === 1) this.tokens.delete(key);
    return kept.shift();
  }
}
