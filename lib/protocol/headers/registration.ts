import { ExtensionField } from '../extensions.js';
import { defineHeader, long, optionalFlag, optionalLong, optionalText, text } from './schema.js';

export interface RegisterBrokerRequestHeader {
  brokerName: string;
  /** `host:port` that clients connect to. */
  brokerAddr: string;
  clusterName: string;
  haServerAddr: string;
  /** 0 is the master. */
  brokerId: number;
  /** After how many milliseconds without a registration the broker is forgotten. */
  heartbeatTimeoutMillis?: number;
  enableActingMaster?: boolean;
  compressed?: boolean;
  /** CRC-32 of the body without its top bit; 0: not checked. */
  bodyCrc32?: number;
  /** See `ExtensionField.ALL_TOPICS`. */
  allTopics?: boolean;
}

export interface RegisterBrokerResponseHeader {
  haServerAddr?: string;
  masterAddr?: string;
}

export interface UnregisterBrokerRequestHeader {
  brokerName: string;
  brokerAddr: string;
  clusterName: string;
  brokerId: number;
}

export const registerBroker = defineHeader<RegisterBrokerRequestHeader>({
  brokerName: text,
  brokerAddr: text,
  clusterName: text,
  haServerAddr: text,
  brokerId: long,
  heartbeatTimeoutMillis: optionalLong,
  enableActingMaster: optionalFlag,
  compressed: { kind: 'flag', required: false, fallback: false },
  bodyCrc32: { kind: 'int', required: false, fallback: 0 },
  allTopics: { kind: 'flag', required: false, wire: ExtensionField.ALL_TOPICS },
});

export const registerBrokerResponse = defineHeader<RegisterBrokerResponseHeader>({
  haServerAddr: optionalText,
  masterAddr: optionalText,
});

export const unregisterBroker = defineHeader<UnregisterBrokerRequestHeader>({
  brokerName: text,
  brokerAddr: text,
  clusterName: text,
  brokerId: long,
});
