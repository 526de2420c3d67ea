import {
  ExtensionCode,
  isRetryTopic,
  type Namespace,
  type PackAnswerHeader,
  RequestCode,
  SysFlag,
} from '../../protocol/index.js';

/** RocketMQ names these fields alike in all headers. */
export const TOPIC_FIELDS: readonly string[] = ['topic', 'originTopic'];
export const GROUP_FIELDS: readonly string[] = [
  'group',
  'groupName',
  'consumerGroup',
  'producerGroup',
  'srcGroup',
  'destGroup',
  'compareGroup',
];

type Fields = Record<string, unknown>;

/** The header of a request to the broker; the very same if it names nothing. */
export function wrapHeader(code: number, header: object, namespace: Namespace): object {
  const fields = header as Fields;
  const { topic } = fields;
  const renamed = rename(
    fields,
    // Where replies are sent to belongs to the cluster.
    isReply(code) ? (name) => name : (name) => namespace.wrapTopic(name),
    (name) => namespace.wrapGroup(name),
  );
  const { properties, topics } = fields;
  if (code === ExtensionCode.SEND_PACK)
    // Named, as spreading leaves out what a pack puts together only when it is asked for.
    return { ...renamed, properties, topics: (topics as readonly string[]).map((name) => namespace.wrapTopic(name)) };
  if (typeof properties !== 'string' || !namesInProperties(fields, topic)) return renamed;
  return { ...renamed, properties: namespace.wrapProperties(properties) };
}

/** The header of a request from the broker. */
export function unwrapHeader(header: object, namespace: Namespace): object {
  const unwrap = (name: string): string => namespace.unwrap(name);
  return rename(header as Fields, unwrap, unwrap);
}

/** What a broker says is wrong with single messages of a pack; the very same header if nothing is. */
export function unwrapRemarks(header: object, namespace: Namespace): object {
  const { remarks } = header as PackAnswerHeader;
  if (remarks === undefined) return header;
  return { ...header, remarks: remarks.map((remark) => remark && namespace.unwrapText(remark)) };
}

function isReply(code: number): boolean {
  return code === RequestCode.SEND_REPLY_MESSAGE || code === RequestCode.SEND_REPLY_MESSAGE_V2;
}

/** What a client sends names something in its properties only as a half message, and when it sends a retry anew. */
function namesInProperties({ sysFlag }: Fields, topic: unknown): boolean {
  if (typeof sysFlag === 'number' && (sysFlag & SysFlag.TRANSACTION_PREPARED) !== 0) return true;
  return typeof topic === 'string' && isRetryTopic(topic);
}

function rename(header: Fields, topicOf: (name: string) => string, groupOf: (name: string) => string): Fields {
  let renamed = header;
  const put = (field: string, nameOf: (name: string) => string): void => {
    const name = header[field];
    if (typeof name !== 'string') return;
    const other = nameOf(name);
    if (other === name) return;
    // In process both ends share the object.
    if (renamed === header) renamed = { ...header };
    renamed[field] = other;
  };
  for (const field of TOPIC_FIELDS) put(field, topicOf);
  for (const field of GROUP_FIELDS) put(field, groupOf);
  return renamed;
}
