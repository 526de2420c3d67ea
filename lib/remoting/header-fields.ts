import { encodeResponseHeader, type RemotingCommand, requestHeaderSchema } from '../protocol/index.js';

export type PutField = (name: string, value: string) => void;

/** Gives the fields of a command's header, as text. */
export type FieldSource = (command: RemotingCommand, put: PutField) => void;

/** The fields of a request: its typed header, then what came with it and the header does not name (a relayed command). */
export function requestFields(command: RemotingCommand, put: PutField): void {
  const schema = requestHeaderSchema(command.code);
  if (command.extFields === undefined) schema.toFields(command.header, put);
  else merged(command.extFields, put, (into) => schema.toFields(command.header, into));
}

/** The fields of an answer to a request with the code `requestCode`. */
export function responseFields(requestCode: number): FieldSource {
  let source = sources.get(requestCode);
  if (source === undefined) {
    source = (command, put) => {
      if (command.extFields === undefined) encodeResponseHeader(requestCode, command.code, command.header, put);
      else
        merged(command.extFields, put, (into) => encodeResponseHeader(requestCode, command.code, command.header, into));
    };
    // Codes come from the wire: only so many of them are worth remembering.
    if (sources.size < MOST_SOURCES) sources.set(requestCode, source);
  }
  return source;
}

const MOST_SOURCES = 512;
const sources = new Map<number, FieldSource>();

function merged(extFields: ReadonlyMap<string, string>, put: PutField, typed: (put: PutField) => void): void {
  const fields = new Map(extFields);
  typed((name, value) => fields.set(name, value));
  for (const [name, value] of fields) put(name, value);
}
