import { type Atom, conditionAtom, constantTruth, type Interval, propertiesOf, tagAtom } from './atom.js';
import type { Expression } from './sql/syntax.js';
import type { TagFilter } from './tag.js';

/**
 * A filter matches only messages for which all atoms of one of the alternatives hold. Undefined when there would be too
 * many of them to be looked at: then nothing can be shown.
 */
export type Alternatives = readonly (readonly Atom[])[] | undefined;

const MOST_ALTERNATIVES = 64;
const MOST_ATOMS = 512;

/** What a filter's match implies, property by property. */
export function alternativesOf(tags: TagFilter, properties: Expression | undefined): Alternatives {
  const base: Atom[] = tags.matchesAll ? [] : [tagAtom(tags)];
  const alternatives = properties === undefined ? [[]] : implied(properties, true);
  return alternatives?.map((atoms) => [...base, ...atoms]).filter((atoms) => !contradict(atoms));
}

/** False when it is certain that no message fulfils an alternative of each. */
export function couldMeet(a: Alternatives, b: Alternatives): boolean {
  if (a === undefined || b === undefined) return true;
  return a.some((one) => b.some((other) => !contradict([...one, ...other])));
}

/** Alternatives of the condition coming out as `wanted`. */
function implied(condition: Expression, wanted: boolean): Atom[][] | undefined {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return (condition.kind === 'and') === wanted
        ? product(condition.operands, wanted)
        : union(condition.operands, wanted);
    case 'not':
      return implied(condition.operand, !wanted);
    default: {
      const [property, ...others] = propertiesOf(condition);
      if (property === undefined) return constantTruth(condition) === wanted ? [[]] : [];
      return others.length === 0 ? [[conditionAtom(condition, property, wanted)]] : [[]];
    }
  }
}

function union(operands: readonly Expression[], wanted: boolean): Atom[][] | undefined {
  const alternatives: Atom[][] = [];
  for (const operand of operands) {
    const further = implied(operand, wanted);
    if (further === undefined || alternatives.length + further.length > MOST_ALTERNATIVES) return undefined;
    alternatives.push(...further);
  }
  return alternatives;
}

function product(operands: readonly Expression[], wanted: boolean): Atom[][] | undefined {
  let alternatives: Atom[][] = [[]];
  for (const operand of operands) {
    const further = implied(operand, wanted);
    // Leaving a condition out makes the filter look wider than it is, which errs on the safe side.
    if (further === undefined || alternatives.length * further.length > MOST_ALTERNATIVES) continue;
    alternatives = alternatives.flatMap((atoms) => further.map((more) => [...atoms, ...more].slice(0, MOST_ATOMS)));
  }
  return alternatives;
}

/** Whether no message can fulfil all of them: shown for one property at a time. */
function contradict(atoms: readonly Atom[]): boolean {
  const byProperty = new Map<string, Atom[]>();
  for (const atom of atoms) {
    const others = byProperty.get(atom.property);
    if (others === undefined) byProperty.set(atom.property, [atom]);
    else others.push(atom);
  }
  for (const ofOne of byProperty.values()) if (excludeOneAnother(ofOne)) return true;
  return false;
}

function excludeOneAnother(atoms: readonly Atom[]): boolean {
  const finite = atoms.find((atom) => atom.finite !== undefined)?.finite;
  if (finite !== undefined) return !finite.some((value) => atoms.every((atom) => atom.holds(value)));
  return (
    emptyIntersection(atoms.flatMap(({ interval }) => interval ?? [])) ||
    somePair(given(atoms, 'truth'), (a, b) => a !== b) ||
    somePair(given(atoms, 'prefix'), (a, b) => !a.startsWith(b) && !b.startsWith(a)) ||
    somePair(given(atoms, 'suffix'), (a, b) => !a.endsWith(b) && !b.endsWith(a)) ||
    somePair(given(atoms, 'patterns'), (a, b) => !a.some((one) => b.some((other) => one.overlaps(other))))
  );
}

function given<K extends 'truth' | 'prefix' | 'suffix' | 'patterns'>(
  atoms: readonly Atom[],
  what: K,
): NonNullable<Atom[K]>[] {
  return atoms.flatMap((atom) => (atom[what] === undefined ? [] : [atom[what]])) as NonNullable<Atom[K]>[];
}

function somePair<T>(values: readonly T[], test: (a: T, b: T) => boolean): boolean {
  return values.some((a, index) => values.slice(index + 1).some((b) => test(a, b)));
}

function emptyIntersection(intervals: readonly Interval[]): boolean {
  return somePair(intervals, (a, b) => endsBefore(a, b) || endsBefore(b, a));
}

function endsBefore(a: Interval, b: Interval): boolean {
  return a.high < b.low || (a.high === b.low && (a.highOpen || b.lowOpen));
}
