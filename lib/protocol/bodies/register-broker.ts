import { asObject, numberOf, readObject, tableOf, textsOf, writeJson } from './json-fields.js';
import type { JsonObject } from './json-reader.js';
import { topicConfigFrom, topicConfigToJson } from './topic-config.js';
import type { TopicConfig } from './topic-config.js';

/** A table's version; equal in all three fields means the same contents. */
export interface DataVersion {
  counter: number;
  stateVersion: number;
  timestamp: number;
}

/**
 * Body of REGISTER_BROKER, uncompressed. The first registration of a broker must hold more than one topic, or an Apache
 * NameServer refuses it: a single one looks to it like an increment to a table that it does not have.
 */
export interface RegisterBrokerBody {
  dataVersion: DataVersion;
  topicConfigTable: Map<string, TopicConfig>;
  filterServerList: string[];
}

export function encodeRegisterBrokerBody(body: RegisterBrokerBody): Buffer {
  return writeJson({
    filterServerList: body.filterServerList,
    topicConfigSerializeWrapper: {
      dataVersion: body.dataVersion,
      topicConfigTable: Object.fromEntries(
        [...body.topicConfigTable].map(([name, config]) => [name, topicConfigToJson(config)]),
      ),
    },
  });
}

export function decodeRegisterBrokerBody(body: Buffer): RegisterBrokerBody {
  const object = readObject(body, 'registration');
  const wrapper = tableOf(object, 'topicConfigSerializeWrapper');
  const topicConfigTable = new Map<string, TopicConfig>();
  for (const [name, config] of tableOf(wrapper, 'topicConfigTable')) {
    topicConfigTable.set(name, topicConfigFrom(asObject(config, `the topic ${JSON.stringify(name)}`)));
  }
  return {
    dataVersion: dataVersionFrom(tableOf(wrapper, 'dataVersion')),
    topicConfigTable,
    filterServerList: textsOf(object, 'filterServerList'),
  };
}

export function encodeDataVersion(version: DataVersion): Buffer {
  return writeJson(version);
}

export function decodeDataVersion(body: Buffer): DataVersion {
  return dataVersionFrom(readObject(body, 'data version'));
}

export function dataVersionFrom(object: JsonObject): DataVersion {
  return {
    counter: numberOf(object, 'counter', 0),
    stateVersion: numberOf(object, 'stateVersion', 0),
    timestamp: numberOf(object, 'timestamp', 0),
  };
}

export function sameDataVersion(a: DataVersion, b: DataVersion): boolean {
  return a.counter === b.counter && a.stateVersion === b.stateVersion && a.timestamp === b.timestamp;
}
