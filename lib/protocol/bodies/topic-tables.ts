import type { DataVersion } from './register-broker.js';
import { objectsOf, readObject, writeJson } from './json-fields.js';
import { type TopicConfig, topicConfigFrom } from './topic-config.js';

/** Body of the answer to GET_ALL_TOPIC_CONFIG. */
export function encodeTopicTable(topics: readonly TopicConfig[], dataVersion: DataVersion): Buffer {
  return writeJson({
    dataVersion,
    mappingDataVersion: { counter: 0, stateVersion: 0, timestamp: 0 },
    topicConfigTable: Object.fromEntries(topics.map((topic) => [topic.topicName, { ...topic, attributes: {} }])),
    topicQueueMappingDetailMap: {},
    topicQueueMappingInfoMap: {},
  });
}

/** Body of UPDATE_AND_CREATE_TOPIC_LIST. */
export function decodeTopicConfigList(body: Buffer): TopicConfig[] {
  return objectsOf(readObject(body, 'list of topics'), 'topicConfigList').map(topicConfigFrom);
}
