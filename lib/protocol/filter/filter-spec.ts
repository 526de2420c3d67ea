import { MessagingError } from '../errors.js';
import { asObject, objectsOf, optionalTextOf, tableOf, textOf } from '../bodies/json-fields.js';
import type { JsonObject } from '../bodies/json-reader.js';

/** What a headers exchange compares: properties with their values, `true` for one that only has to be there. */
export interface HeaderMatch {
  match: 'all' | 'any';
  properties: Readonly<Record<string, string | true>>;
}

/** Which messages a listener wants. */
export interface FilterSpec {
  /** `a || b`, with wildcards; default `*`, everything. */
  tag?: string | undefined;
  /** SQL92 on the properties; not together with the other two. */
  selector?: string | undefined;
  headers?: HeaderMatch | undefined;
}

/** Filters of one subscription: what listeners of one group and topic want. */
const MOST_FILTERS = 1_000;

/** Reads the filters of a subscription, see `SubscriptionData.NESTMQ_FILTERS`. Throws BAD_ARGUMENT. */
export function filterSpecsFrom(object: JsonObject, name: string): FilterSpec[] | undefined {
  if ((object.get(name) ?? undefined) === undefined) return undefined;
  const specs = objectsOf(object, name).map((spec) => ({
    tag: optionalTextOf(spec, 'tag'),
    selector: optionalTextOf(spec, 'selector'),
    headers: headersFrom(spec),
  }));
  if (specs.length > 0 && specs.length <= MOST_FILTERS) return specs;
  throw new MessagingError('BAD_ARGUMENT', `A subscription has ${specs.length} filters; 1 to ${MOST_FILTERS} may be.`);
}

function headersFrom(spec: JsonObject): HeaderMatch | undefined {
  const value = spec.get('headers') ?? undefined;
  if (value === undefined) return undefined;
  const headers = asObject(value, 'headers');
  const match = textOf(headers, 'match');
  const properties: [string, string | true][] = [];
  for (const [name, wanted] of tableOf(headers, 'properties')) {
    if (wanted !== true && typeof wanted !== 'string') {
      throw new MessagingError('BAD_ARGUMENT', `The header ${JSON.stringify(name)} is compared with no text.`);
    }
    properties.push([name, wanted]);
  }
  if (match !== 'all' && match !== 'any') {
    throw new MessagingError('BAD_ARGUMENT', `Headers match "all" or "any", not ${JSON.stringify(match)}.`);
  }
  return { match, properties: Object.fromEntries(properties) };
}
