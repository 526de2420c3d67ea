import fc from 'fast-check';

/** What a handler does with one attempt: `hold` keeps it until time passes next, and acknowledges then. */
export type Outcome = 'ack' | 'throw' | 'reject' | 'later' | 'hold';

/** Groups that can fail; the third one, `some`, takes messages of kind `a` only and all of them well. */
export type Failing = 'work' | 'line';
export type Group = Failing | 'some';

export interface Planned {
  readonly kind: 'a' | 'b';
  /** Per attempt; after the last one it is `ack`. */
  readonly work: readonly Outcome[];
  readonly line: readonly Outcome[];
}

/** How a transaction ends: by itself, or because the broker asks. */
export type Ending = 'commit' | 'rollback' | 'commit when asked' | 'rollback when asked';

export type Step =
  | { readonly do: 'send'; readonly message: Planned; readonly wait: boolean }
  | { readonly do: 'orderly'; readonly message: Planned; readonly key: string; readonly wait: boolean }
  | { readonly do: 'delay'; readonly message: Planned; readonly millis: number }
  | { readonly do: 'batch'; readonly messages: readonly Planned[]; readonly wait: boolean }
  | { readonly do: 'transaction'; readonly message: Planned; readonly ending: Ending; readonly wait: boolean }
  | { readonly do: 'pass'; readonly millis: number }
  | { readonly do: 'pause' | 'resume' | 'reset'; readonly group: Group }
  | { readonly do: 'join' | 'leave' | 'restart' | 'crash' };

/** Plain data, so that it can be kept in a file. */
export type Plan = readonly Step[];

/** Three deaths with the same message in a handler would make it a dead letter, which is tested elsewhere. */
const MOST_CRASHES = 2;
const MOST_MEMBERS = 3;

const outcomes = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Outcome[]>([]) },
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom<Outcome>('throw', 'throw', 'later'), { minLength: 1, maxLength: 3 }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Outcome[]>(['reject'], ['throw', 'reject'], ['hold'], ['throw', 'hold']) },
);
const message: fc.Arbitrary<Planned> = fc.record({
  kind: fc.constantFrom('a', 'b'),
  work: outcomes,
  line: outcomes,
});
const wait = fc.boolean();

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), message, wait }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('orderly' as const), message, key: fc.constantFrom('k', 'l'), wait }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('delay' as const), message, millis: fc.integer({ min: 1, max: 20_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('batch' as const),
      messages: fc.array(message, { minLength: 2, maxLength: 4 }),
      wait,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('transaction' as const),
      message,
      ending: fc.constantFrom<Ending>('commit', 'rollback', 'commit when asked', 'rollback when asked'),
      wait,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      millis: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 300, max: 25_000 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('pause' as const, 'resume' as const),
      group: fc.constantFrom<Group>('work', 'line', 'some'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('reset' as const), group: fc.constantFrom<Group>('work', 'line', 'some') }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('join' as const, 'leave' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'restart' as const) }) },
);

const DISTURBING: ReadonlySet<Step['do']> = new Set(['join', 'leave', 'crash', 'restart', 'pause', 'resume', 'reset']);

const calm = step.filter((one) => !DISTURBING.has(one.do));

/** Without anything that makes deliveries come again or late: then they are known exactly. */
export function isCalm(plan: Plan): boolean {
  return !plan.some(
    (one) =>
      DISTURBING.has(one.do) ||
      ('message' in one ? [one.message] : 'messages' in one ? one.messages : []).some(
        ({ work, line }) => work.includes('hold') || line.includes('hold'),
      ),
  );
}

/** A third of them calm. */
export const plans: fc.Arbitrary<Plan> = fc.oneof(
  { weight: 1, arbitrary: fc.array(calm, { minLength: 1, maxLength: 14 }) },
  { weight: 2, arbitrary: fc.array(step, { minLength: 2, maxLength: 18 }).map(bounded) },
);

function bounded(steps: readonly Step[]): Plan {
  let crashes = 0;
  let joins = 0;
  return steps.filter(
    (one) => (one.do !== 'crash' || ++crashes <= MOST_CRASHES) && (one.do !== 'join' || ++joins < MOST_MEMBERS),
  );
}
