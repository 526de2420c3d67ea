import type { ReceivedMessage } from '../../client/index.js';
import { details, printable } from './table.js';

/** A message in documents: every field always there. */
export interface MessageDocument {
  readonly messageId: string;
  readonly offsetMessageId: string;
  readonly topic: string;
  readonly tag: string | null;
  readonly keys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly broker: string;
  readonly queue: number;
  readonly offset: number;
  readonly bornAt: Date;
  readonly storedAt: Date;
  readonly bodySize: number;
  /** Text as it is; bytes that are no UTF-8 in base64. */
  readonly body: string;
  readonly bodyEncoding: 'utf8' | 'base64';
}

const SHOWN_BODY = 60;

export function messageDocument(message: ReceivedMessage): MessageDocument {
  const { messageId, offsetMessageId, topic, tag, keys, properties, brokerName, queueId, queueOffset } = message;
  const { bornAt, storedAt, bodySize } = message;
  return {
    messageId,
    offsetMessageId,
    topic,
    tag: tag ?? null,
    keys,
    properties,
    broker: brokerName,
    queue: queueId,
    offset: queueOffset,
    bornAt,
    storedAt,
    bodySize,
    ...bodyOf(message),
  };
}

/** All of it, for people. */
export function messageText(message: ReceivedMessage): string {
  const { properties, keys, bodyEncoding, body, ...sides } = messageDocument(message);
  const own = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  const head = details({ ...sides, keys: keys.join(' '), properties: own.join(' ') });
  if (bodyEncoding === 'base64') return `${head}\n\n(no text; \`--raw\` writes the bytes)`;
  return `${head}\n\n${body.split(/\r?\n/).map(printable).join('\n')}`;
}

/** The beginning of its body in a line. */
export function bodyLine(message: ReceivedMessage): string {
  const { body, bodyEncoding } = bodyOf(message);
  if (bodyEncoding === 'base64') return `(${message.bodySize} bytes)`;
  return body.length > SHOWN_BODY ? `${body.slice(0, SHOWN_BODY - 1)}…` : body;
}

function bodyOf({ body }: ReceivedMessage): Pick<MessageDocument, 'body' | 'bodyEncoding'> {
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body), bodyEncoding: 'utf8' };
  } catch {
    return { body: body.toString('base64'), bodyEncoding: 'base64' };
  }
}
