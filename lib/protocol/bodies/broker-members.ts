import { readObject, tableOf, textOf, writeJson } from './json-fields.js';
import { brokerAddrsFrom } from './route.js';

/** Body of the answer to GET_BROKER_MEMBER_GROUP: the brokers of one name. */
export interface BrokerMembers {
  cluster: string;
  brokerName: string;
  /** By broker id; 0 is the master. */
  brokerAddrs: Map<number, string>;
}

export function encodeBrokerMembers({ cluster, brokerName, brokerAddrs }: BrokerMembers): Buffer {
  return writeJson({ brokerMemberGroup: { cluster, brokerName, brokerAddrs: Object.fromEntries(brokerAddrs) } });
}

export function decodeBrokerMembers(body: Buffer): BrokerMembers {
  const group = tableOf(readObject(body, 'list of members'), 'brokerMemberGroup');
  return {
    cluster: textOf(group, 'cluster', ''),
    brokerName: textOf(group, 'brokerName', ''),
    brokerAddrs: brokerAddrsFrom(group),
  };
}
