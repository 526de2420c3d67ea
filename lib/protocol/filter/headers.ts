import { MessagingError } from '../errors.js';
import { isReservedProperty } from '../property-names.js';
import type { HeaderMatch } from './filter-spec.js';
import type { Expression } from './sql/syntax.js';

/** Conditions of one filter. */
const MOST_PROPERTIES = 256;

/** Headers as conditions on properties. Throws BAD_ARGUMENT when they could never match, or always would. */
export function headersExpression({ match, properties }: HeaderMatch): Expression {
  const entries = Object.entries(properties);
  if (entries.length === 0 || entries.length > MOST_PROPERTIES) {
    throw new MessagingError(
      'BAD_ARGUMENT',
      `Headers name ${entries.length} properties; 1 to ${MOST_PROPERTIES} are possible.`,
    );
  }
  const operands = entries.map(([name, wanted]): Expression => {
    if (name === '' || isReservedProperty(name)) {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Headers name ${JSON.stringify(name)}, which is no property that a sender can set; tags have an option of their own.`,
      );
    }
    const property: Expression = { kind: 'property', name };
    if (wanted === true) return { kind: 'not', operand: { kind: 'isNull', operand: property } };
    if (wanted === '') {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `Headers want ${JSON.stringify(name)} to be empty, and no property is; write true if it only has to be there.`,
      );
    }
    return { kind: 'compare', operator: '=', left: property, right: { kind: 'literal', value: wanted } };
  });
  if (operands.length === 1) return operands[0]!;
  return { kind: match === 'all' ? 'and' : 'or', operands };
}

/** For people: `headers all region=eu, vip`. */
export function headersText({ match, properties }: HeaderMatch): string {
  const parts = Object.entries(properties).map(([name, wanted]) => (wanted === true ? name : `${name}=${wanted}`));
  return `headers ${match} ${parts.join(', ')}`;
}
