import { type SubscriptionData, subscriptionDataFrom } from './heartbeat.js';
import { asObject, readObject, textOf, writeJson } from './json-fields.js';

/** Body of CHECK_CLIENT_CONFIG: can the broker serve this subscription? */
export interface ClientConfigBody {
  clientId: string;
  group: string;
  /** Nothing is asked without it. */
  subscriptionData: SubscriptionData | undefined;
}

export function encodeClientConfig(body: ClientConfigBody): Buffer {
  return writeJson({ ...body, namespace: '' });
}

export function decodeClientConfig(body: Buffer): ClientConfigBody {
  const object = readObject(body, 'client configuration');
  const data = object.get('subscriptionData') ?? undefined;
  return {
    clientId: textOf(object, 'clientId', ''),
    group: textOf(object, 'group', ''),
    subscriptionData: data === undefined ? undefined : subscriptionDataFrom(asObject(data, 'subscriptionData')),
  };
}
