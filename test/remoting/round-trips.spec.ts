import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '../../lib/platform/index.js';
import {
  createRequest,
  createResponse,
  type RemotingCommand,
  RequestCode,
  requestHeaderSchema,
  responseHeaderSchema,
} from '../../lib/protocol/index.js';
import {
  decodeFrame,
  encodeFrame,
  requestFields,
  responseFields,
  type SerializeType,
} from '../../lib/remoting/index.js';

/** As many take 3 s of a processor (measured). */
const RUNS = 100_000;

type Kind = 'text' | 'int' | 'long' | 'flag';
type Schema = ReturnType<typeof requestHeaderSchema>;

/** The names of a header's fields on the wire, with what they hold: found out from the schema itself. */
function fieldsOf(schema: Schema): { name: string; kind: Kind; required: boolean }[] {
  const names: string[] = [];
  const anything = new Proxy({}, { get: () => '1' });
  schema.toFields(anything, (name) => names.push(name));
  const all = (replaced: string, value: string | undefined) => {
    const fields = new Map(names.map((name) => [name, '1']));
    if (value === undefined) fields.delete(replaced);
    else fields.set(replaced, value);
    return fields;
  };
  const takes = (name: string, value: string | undefined): boolean => {
    try {
      schema.fromFields(all(name, value));
      return true;
    } catch {
      return false;
    }
  };
  const written = (name: string, value: string): string | undefined => {
    let found: string | undefined;
    schema.toFields(schema.fromFields(all(name, value)), (field, text) => {
      if (field === name) found = text;
    });
    return found;
  };
  const kindOf = (name: string): Kind => {
    if (!takes(name, 'x')) return takes(name, String(2 ** 40)) ? 'long' : 'int';
    return written(name, 'x') === 'x' ? 'text' : 'flag';
  };
  return names.map((name) => ({ name, kind: kindOf(name), required: !takes(name, undefined) }));
}

const random = new SeededRandom(20_240_817);
const LETTERS = [
  'a',
  'Z',
  '0',
  ' ',
  '"',
  '\\',
  '\n',
  '\u0000',
  '\u0001',
  '\u0002',
  'ü',
  'ß',
  '世',
  '😀',
  '\u2028',
  '\ud7ff',
  '\uffff',
];
const EDGES = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 127, 128, 65_535];
const LONG_EDGES = [...EDGES, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];

const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
const text = (): string =>
  Array.from({ length: random.below(random.below(8) === 0 ? 300 : 12) }, () => pick(LETTERS)).join('');
const int = (): number => (random.below(3) === 0 ? pick(EDGES) : (random.next() * 2 ** 32) | 0);
const long = (): number =>
  random.below(3) === 0 ? pick(LONG_EDGES) : Math.floor((random.next() * 2 - 1) * Number.MAX_SAFE_INTEGER);
const VALUES: Record<Kind, () => string> = {
  text,
  int: () => String(int()),
  long: () => String(long()),
  flag: () => String(random.below(2) === 0),
};

interface Target {
  readonly code: number;
  readonly request: boolean;
  readonly schema: Schema;
  readonly fields: ReturnType<typeof fieldsOf>;
}

const targets: Target[] = Object.values(RequestCode).flatMap((code) => [
  { code, request: true, schema: requestHeaderSchema(code), fields: fieldsOf(requestHeaderSchema(code)) },
  { code, request: false, schema: responseHeaderSchema(code), fields: fieldsOf(responseHeaderSchema(code)) },
]);

describe('random frames', () => {
  it('find out about the fields of headers', () => {
    const send = targets.find(({ code, request }) => code === RequestCode.SEND_MESSAGE_V2 && request)!;
    expect(send.fields).toContainEqual({ name: 'b', kind: 'text', required: true });
    expect(send.fields).toContainEqual({ name: 'e', kind: 'int', required: true });
    expect(send.fields).toContainEqual({ name: 'g', kind: 'long', required: true });
    expect(send.fields).toContainEqual({ name: 'm', kind: 'flag', required: false });
    expect(targets.filter(({ fields }) => fields.length > 0).length).toBeGreaterThan(40);
  });

  it(`come back with their headers, ${RUNS} times`, () => {
    for (let run = 0; run < RUNS; run++) {
      const target = pick(targets);
      const { schema, code, request } = target;
      const fields = new Map<string, string>();
      for (const { name, kind, required } of target.fields)
        if (required || random.below(3) > 0) fields.set(name, VALUES[kind]());
      const header = schema.fromFields(fields);
      const body = random.below(2) === 0 ? undefined : Buffer.from(text() || 'x');
      const made = request ? createRequest(code, header, body) : createResponse(0, header, text() || undefined, body);
      const sent: RemotingCommand = { ...made, opaque: int(), flag: made.flag | (request ? random.below(2) * 2 : 0) };
      const type = random.below(2) as SerializeType;
      const bytes = encodeFrame(sent, type, request ? requestFields : responseFields(code));
      const back = decodeFrame(bytes, 0, bytes.length);
      const again = { ...back, header: schema.fromFields(back.extFields!), extFields: undefined };
      // Codes of more than 16 bits travel as JSON whatever was asked for.
      const expected = { ...sent, serializeType: sent.code > 0x7fff ? 0 : type };
      if (isDeepStrictEqual(again, expected)) continue;
      // Only now: an expectation costs more than all the rest of a round.
      expect({ run, ...again }).toEqual({ run, ...expected });
    }
  });
});
