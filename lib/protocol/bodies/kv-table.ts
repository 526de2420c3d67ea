import { asObject, readObject, tableOf, textOf, writeJson } from './json-fields.js';
import type { JsonObject } from './json-reader.js';

/** Body of many administrative answers: `{"table":{"key":"value"}}`. */
export function encodeKvTable(table: ReadonlyMap<string, string>): Buffer {
  return writeJson({ table: Object.fromEntries(table) });
}

export function decodeKvTable(body: Buffer): Map<string, string> {
  return textsByKey(tableOf(readObject(body, 'table'), 'table'));
}

/** A NameServer's kvConfig.json, RocketMQ's spelling: `{"configTable":{"NAMESPACE":{"key":"value"}}}`. */
export function encodeKvConfigFile(namespaces: ReadonlyMap<string, ReadonlyMap<string, string>>): Buffer {
  const configTable = Object.fromEntries([...namespaces].map(([name, table]) => [name, Object.fromEntries(table)]));
  return Buffer.from(`${JSON.stringify({ configTable }, undefined, 2)}\n`);
}

export function decodeKvConfigFile(file: Buffer): Map<string, Map<string, string>> {
  const namespaces = new Map<string, Map<string, string>>();
  for (const [name, table] of tableOf(readObject(file, 'KV configuration'), 'configTable')) {
    namespaces.set(name, textsByKey(asObject(table, `the namespace ${JSON.stringify(name)}`)));
  }
  return namespaces;
}

function textsByKey(object: JsonObject): Map<string, string> {
  return new Map([...object.keys()].map((key) => [key, textOf(object, key)]));
}
