import { asObject, optionalTextOf, readObject, tableOf, textsOf, writeJson } from './json-fields.js';
import { brokerDataFrom, brokerDataToJson } from './route.js';
import type { BrokerData } from './route.js';

/** Body of the answer to GET_CONSUMER_LIST_BY_GROUP. */
export interface ConsumerListBody {
  consumerIdList: string[];
}

export function encodeConsumerListBody(body: ConsumerListBody): Buffer {
  return writeJson(body);
}

export function decodeConsumerListBody(body: Buffer): ConsumerListBody {
  return { consumerIdList: textsOf(readObject(body, 'list of consumers'), 'consumerIdList') };
}

/** Body of the answer to GET_ALL_TOPIC_LIST_FROM_NAMESERVER. */
export interface TopicList {
  topicList: string[];
  brokerAddr?: string;
}

export function encodeTopicList(list: TopicList): Buffer {
  return writeJson({ brokerAddr: list.brokerAddr ?? null, topicList: list.topicList });
}

export function decodeTopicList(body: Buffer): TopicList {
  const object = readObject(body, 'list of topics');
  return { topicList: textsOf(object, 'topicList'), brokerAddr: optionalTextOf(object, 'brokerAddr') };
}

/** Body of the answer to QUERY_TOPIC_CONSUME_BY_WHO. */
export interface GroupList {
  groupList: string[];
}

export function encodeGroupList(list: GroupList): Buffer {
  return writeJson(list);
}

export function decodeGroupList(body: Buffer): GroupList {
  return { groupList: textsOf(readObject(body, 'list of groups'), 'groupList') };
}

/** Body of the answer to GET_BROKER_CLUSTER_INFO. */
export interface ClusterInfo {
  /** By broker name. */
  brokerAddrTable: Map<string, BrokerData>;
  /** Names of the brokers, by cluster. */
  clusterAddrTable: Map<string, string[]>;
}

export function encodeClusterInfo(info: ClusterInfo): Buffer {
  return writeJson({
    brokerAddrTable: Object.fromEntries(
      [...info.brokerAddrTable].map(([name, data]) => [name, brokerDataToJson(data)]),
    ),
    clusterAddrTable: Object.fromEntries(info.clusterAddrTable),
  });
}

export function decodeClusterInfo(body: Buffer): ClusterInfo {
  const object = readObject(body, 'cluster table');
  const brokerAddrTable = new Map<string, BrokerData>();
  for (const [name, data] of tableOf(object, 'brokerAddrTable')) {
    brokerAddrTable.set(name, brokerDataFrom(asObject(data, `the broker ${JSON.stringify(name)}`)));
  }
  const clusters = tableOf(object, 'clusterAddrTable');
  const clusterAddrTable = new Map([...clusters.keys()].map((name) => [name, textsOf(clusters, name)]));
  return { brokerAddrTable, clusterAddrTable };
}
