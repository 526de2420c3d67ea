/** What goes by on a tapped connection. */
export interface Passing {
  /** Whose connection: the name of a member of the fleet. */
  readonly who: string;
  /** A statement of SQL, or the name of a request code. */
  readonly what: string;
  /** A request on its way to the server, or the server's answer to one on its way back. */
  readonly way: 'request' | 'answer';
  /** Of the server's process for this connection, where there is one. */
  readonly backend: number | undefined;
}

/** `pass`: on its way it goes. `drop`: it arrives nowhere, and both ends see their connection closed. */
export type Verdict = 'pass' | 'drop';

/** Waits for one moment on the way between two processes. */
export interface Trap {
  readonly who: RegExp;
  readonly what: RegExp;
  readonly way: Passing['way'];
  /** The how manyeth of those. */
  readonly nth: number;
  /** Until this has ended nothing goes on on the connection. */
  spring(passing: Passing): Verdict | Promise<Verdict>;
}

/** The traps of one tap. A trap springs once. */
export class Traps {
  private readonly set = new Map<Trap, number>();

  /** Whether it is worth while to look at what passes. */
  get any(): boolean {
    return this.set.size > 0;
  }

  arm(trap: Trap): void {
    this.set.set(trap, trap.nth);
  }

  disarm(trap: Trap): void {
    this.set.delete(trap);
  }

  /** What the first trap says that has waited for this; undefined when there is none. */
  meet(passing: Passing): Verdict | Promise<Verdict> | undefined {
    for (const [trap, left] of this.set) {
      if (trap.way !== passing.way || !trap.who.test(passing.who) || !trap.what.test(passing.what)) continue;
      if (left > 1) {
        this.set.set(trap, left - 1);
        continue;
      }
      this.set.delete(trap);
      return trap.spring(passing);
    }
    return undefined;
  }
}
