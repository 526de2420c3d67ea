import fc from 'fast-check';
import type { Node } from './naive-sql.js';

const name = fc.constantFrom('a', 'b', 'c');
const property = name.map((text): Node => ['property', text]);
const someText = fc.constantFrom('', 'x', '3', 'true', "it's", 'abc', 'b', '3.5');
const whole = fc.constantFrom('0', '3', '10', '2147483647', '2147483648', '9007199254740993', '9223372036854775807');
const decimal = fc.constantFrom('3.5', '.5', '5.', '1e2', '3.0', '9007199254740992.0', '1.7E308');
const number = fc
  .tuple(
    fc.oneof(
      whole.map((text): Node => ['whole', text]),
      decimal.map((text): Node => ['decimal', text]),
    ),
    fc.boolean(),
  )
  .map(([node, minus]): Node => (minus ? ['minus', node] : node));
const comparable = fc.oneof(
  property,
  number,
  property.map((node): Node => ['minus', node]),
);
const literalText = someText.map((text): Node => ['text', text]);
const truth = fc.constantFrom<Node>(['true'], ['false']);
/** Properties of a message. */
export const values = fc.dictionary(
  name,
  fc.constantFrom(
    ...[
      'x',
      'abc',
      "it's",
      '3',
      '+3',
      '003',
      '10',
      '-10',
      '3.5',
      '5.',
      '.5',
      '1e2',
      '3.5f',
      '3.5dd',
      ' 3 ',
      '- 3',
      '+',
      '-0',
    ],
    ...[
      '0',
      '2147483648',
      '9007199254740992',
      '9007199254740993',
      '9223372036854775808',
      '-9223372036854775808',
      '1e999',
    ],
    ...['true', 'TRUE', 'false', 'NaN', '-Infinity', 'Infinityf', '0'.repeat(30) + '7', '9'.repeat(40), 'e5', '.'],
  ),
);

export const { conditions } = fc.letrec<{ conditions: Node }>((tie) => ({
  conditions: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom('=', '<>'), property, fc.oneof(property, literalText, number, truth))
        .map((n) => n as Node),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('=', '<>'), fc.oneof(literalText, number), fc.oneof(property, literalText, number))
        .map((n) => n as Node),
    },
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constantFrom('<', '<=', '>', '>='), comparable, comparable).map((n) => n as Node),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('is null', 'is not null'), fc.oneof(property, literalText, tie('conditions')))
        .map((n) => n as Node),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('in', 'not in'), name, fc.array(someText, { minLength: 1, maxLength: 4 }))
        .map((n) => n as unknown as Node),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom('contains', 'startswith', 'endswith', 'not contains', 'not startswith', 'not endswith'),
          fc.oneof(property, literalText, tie('conditions')),
          someText,
        )
        .map((n) => n as Node),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom('not between'), comparable, comparable, comparable).map((n) => n as Node),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          fc.constantFrom('between'),
          comparable,
          fc.oneof(property, fc.constant<Node>(['minus', ['whole', '3']])),
          comparable,
        )
        .map((n) => n as Node),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('and', 'or'), fc.oneof(tie('conditions'), property), tie('conditions'))
        .map((n) => n as Node),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant('not'), fc.oneof(tie('conditions'), property)).map((n) => n as Node) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('=', '<>'), tie('conditions'), fc.oneof(truth, property, number))

        // RocketMQ refuses a truth value beside a number.
        .filter(([, left, right]) => !['true', 'false'].includes(left[0]) || !['whole', 'decimal'].includes(right[0]))
        .map((n) => n as Node),
    },
    { weight: 1, arbitrary: truth },
  ),
}));
