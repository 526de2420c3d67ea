import { MessagingError } from '../errors.js';
import { ExtensionBodyField } from '../extensions.js';
import { numberOf, objectsOf, optionalTextOf, readObject, tableOf, textOf, writeJson } from './json-fields.js';
import type { JsonObject } from './json-reader.js';

export interface BrokerData {
  cluster: string;
  brokerName: string;
  /** By broker id; 0 is the master. */
  brokerAddrs: Map<number, string>;
}

export interface QueueData {
  brokerName: string;
  readQueueNums: number;
  writeQueueNums: number;
  /** Bits of `Permission`. */
  perm: number;
  topicSysFlag: number;
}

/** Body of the answer to GET_ROUTEINFO_BY_TOPIC: which brokers have queues of the topic. */
export interface TopicRouteData {
  brokerDatas: BrokerData[];
  queueDatas: QueueData[];
  /** `brokerA:4;brokerB:4`: the frozen count of ordered queues, if it is an ordered topic. */
  orderTopicConf?: string;
  /** Like it, of our NameServer: where keys go although a broker is away. See `ExtensionBodyField.KEY_QUEUES`. */
  keyQueues?: string;
}

/**
 * Keys quoted and no white space, whatever the client: Java takes both spellings of the keys, Go takes the addresses
 * apart at `,` and `:`. `topicQueueMappingByBroker` stays null; a table there switches Java 5 clients into another mode.
 */
export function encodeTopicRouteData(route: TopicRouteData): Buffer {
  return writeJson({
    brokerDatas: route.brokerDatas.map(brokerDataToJson),
    filterServerTable: {},
    orderTopicConf: route.orderTopicConf ?? null,
    queueDatas: route.queueDatas,
    topicQueueMappingByBroker: null,
    [ExtensionBodyField.KEY_QUEUES]: route.keyQueues,
  });
}

export function decodeTopicRouteData(body: Buffer): TopicRouteData {
  const object = readObject(body, 'route');
  return {
    brokerDatas: objectsOf(object, 'brokerDatas').map(brokerDataFrom),
    queueDatas: objectsOf(object, 'queueDatas').map((data) => ({
      brokerName: textOf(data, 'brokerName'),
      readQueueNums: numberOf(data, 'readQueueNums'),
      writeQueueNums: numberOf(data, 'writeQueueNums'),
      perm: numberOf(data, 'perm'),
      topicSysFlag: numberOf(data, 'topicSysFlag', 0),
    })),
    orderTopicConf: optionalTextOf(object, 'orderTopicConf'),
    keyQueues: optionalTextOf(object, ExtensionBodyField.KEY_QUEUES),
  };
}

export function brokerDataToJson(data: BrokerData): object {
  return {
    brokerAddrs: Object.fromEntries(data.brokerAddrs),
    brokerName: data.brokerName,
    cluster: data.cluster,
    enableActingMaster: false,
  };
}

export function brokerDataFrom(object: JsonObject): BrokerData {
  return {
    cluster: textOf(object, 'cluster', ''),
    brokerName: textOf(object, 'brokerName'),
    brokerAddrs: brokerAddrsFrom(object),
  };
}

export function brokerAddrsFrom(object: JsonObject): Map<number, string> {
  const brokerAddrs = new Map<number, string>();
  for (const [id, address] of tableOf(object, 'brokerAddrs')) {
    if (!/^\d{1,15}$/.test(id) || typeof address !== 'string') {
      throw new MessagingError(
        'BAD_ARGUMENT',
        `The address table of a broker has an entry ${JSON.stringify(id)} that is none.`,
      );
    }
    brokerAddrs.set(Number(id), address);
  }
  return brokerAddrs;
}
