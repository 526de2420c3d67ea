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
}

export const unregisterClient = defineHeader<UnregisterClientRequestHeader>({
  clientID: text,
  producerGroup: optionalText,
  consumerGroup: optionalText,
});

export const consumerGroupOnly = defineHeader<GetConsumerListByGroupRequestHeader>({ consumerGroup: text });
