import { ExtensionField } from '../extensions.js';
import { defineHeader, optionalText, text } from './schema.js';

export interface UnregisterClientRequestHeader {
  clientID: string;
  producerGroup?: string;
  consumerGroup?: string;
}

export interface GetConsumerListByGroupRequestHeader {
  consumerGroup: string;
}

/** From the broker, oneway: the members of the group, or their subscriptions, have changed. */
export interface NotifyConsumerIdsChangedRequestHeader {
  consumerGroup: string;
  /** Extension: this topic of the group has appeared or got other queues. */
  topic?: string;
}

export interface HeartbeatResponseHeader {
  /** Extension: the version of ours that the broker knows; absent from Apache. */
  extensions?: number;
}

export const heartbeatResponse = defineHeader<HeartbeatResponseHeader>({
  extensions: { kind: 'int', required: false, wire: ExtensionField.EXTENSIONS },
});

export const unregisterClient = defineHeader<UnregisterClientRequestHeader>({
  clientID: text,
  producerGroup: optionalText,
  consumerGroup: optionalText,
});

export const consumerIdsChanged = defineHeader<NotifyConsumerIdsChangedRequestHeader>({
  consumerGroup: text,
  topic: { kind: 'text', required: false, wire: ExtensionField.CHANGED_TOPIC },
});

export const consumerGroupOnly = defineHeader<GetConsumerListByGroupRequestHeader>({ consumerGroup: text });
