import type { World } from './world.js';

/**
 * What a target must be able to do for a behaviour to be shown on it.
 * - `virtual time`: hours pass in milliseconds, to the millisecond;
 * - `restart`: the broker can be stopped, in order or as by a crash, and started again on what it stored;
 * - `broker inside`: it runs in the process of the application, which measures it.
 */
export type Capability = 'virtual time' | 'restart' | 'broker inside';

/** One promise of the public API, shown on a broker of its own. */
export interface Behaviour {
  readonly name: string;
  readonly needs: readonly Capability[];
  run(world: World): Promise<void>;
}

export interface Subject {
  readonly name: string;
  readonly behaviours: readonly Behaviour[];
}

type Run = (world: World) => Promise<void>;

/** How the behaviours of a subject are written down. */
export interface Says {
  (name: string, run: Run): void;
  /** Only for targets that can do this. */
  needing(needs: readonly Capability[], name: string, run: Run): void;
  /** One behaviour shown by several rows; it counts once. */
  rows<T>(name: string, rows: readonly T[], run: (world: World, row: T) => Promise<void>): void;
}

/** The behaviours of one subject, in the order in which they are told. */
export function subject(name: string, tell: (says: Says) => void): Subject {
  const behaviours: Behaviour[] = [];
  const add = (said: string, needs: readonly Capability[], run: Run): void => {
    const full = `${name}: ${said}`;
    if (behaviours.some((other) => other.name === full)) throw new Error(`said twice: ${full}`);
    behaviours.push({ name: full, needs, run });
  };
  const says = ((said: string, run: Run) => add(said, [], run)) as Says;
  says.needing = (needs, said, run) => add(said, needs, run);
  says.rows = (said, rows, run) =>
    add(said, [], async (world) => {
      for (const row of rows) {
        try {
          await run(world, row);
        } catch (cause) {
          throw new Error(`row ${JSON.stringify(row)}: ${(cause as Error).message}`, { cause });
        }
      }
    });
  tell(says);
  return { name, behaviours };
}
