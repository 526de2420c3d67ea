import {
  decodeConfigText,
  encodeConfigText,
  encodeKvTable,
  type KvConfigRequestHeader,
  type KvNamespaceRequestHeader,
  type PutKvConfigRequestHeader,
  RequestCode,
  ResponseCode,
} from '../protocol/index.js';
import type { RequestHandler } from '../remoting/index.js';
import { answering, answeringLater, refusal, success } from './answers.js';
import type { KvConfig } from './kv-config.js';
import type { NameServerConfig } from './options.js';

/** What administrators set down: the KV configuration, and the server's own settings. */
export function configHandlers(kv: KvConfig, config: NameServerConfig): [number, RequestHandler][] {
  return [
    [
      RequestCode.PUT_KV_CONFIG,
      answeringLater(async ({ header }) => {
        const { namespace, key, value } = header as PutKvConfigRequestHeader;
        await kv.put(namespace, key, value);
        return success();
      }),
    ],
    [
      RequestCode.GET_KV_CONFIG,
      answering(({ header }) => {
        const { namespace, key } = header as KvConfigRequestHeader;
        const value = kv.get(namespace, key);
        if (value !== undefined) return success({ value });
        return refusal(ResponseCode.QUERY_NOT_FOUND, `No config item, Namespace: ${namespace} Key: ${key}`);
      }),
    ],
    [
      RequestCode.DELETE_KV_CONFIG,
      answeringLater(async ({ header }) => {
        const { namespace, key } = header as KvConfigRequestHeader;
        await kv.delete(namespace, key);
        return success();
      }),
    ],
    [
      RequestCode.GET_KVLIST_BY_NAMESPACE,
      answering(({ header }) => {
        const { namespace } = header as KvNamespaceRequestHeader;
        const table = kv.list(namespace);
        if (table !== undefined) return success({}, encodeKvTable(table));
        return refusal(ResponseCode.QUERY_NOT_FOUND, `No config item, Namespace: ${namespace}`);
      }),
    ],
    [
      RequestCode.UPDATE_NAMESRV_CONFIG,
      answering(({ body }) => {
        config.update(decodeConfigText(body ?? Buffer.alloc(0)));
        return success();
      }),
    ],
    [RequestCode.GET_NAMESRV_CONFIG, answering(() => success({}, encodeConfigText(config.entries())))],
  ];
}
