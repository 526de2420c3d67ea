import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { MessagingClient, OutgoingMessage, ReceivedMessage } from '../../client/index.js';
import { MessagingError } from '../../protocol/index.js';
import { NotFoundError, UsageError } from '../failure.js';
import type { FlagValues } from '../flags/flag.js';
import { parseTime } from '../flags/times.js';
import { oneOf, parseCount, parseDelay, parseProperty } from '../flags/values.js';
import { bodyLine, messageDocument, messageText } from '../output/message-view.js';
import { details, table } from '../output/table.js';
import { addSubject, type Operation, type Outcome } from './operation.js';

const send: Operation = {
  usage: 'send <destination> [body]',
  description: 'send one message to topic or topic:tag; the body is the argument, a file, or stdin',
  flags: [
    { name: 'file', value: 'path', help: 'the body, as the bytes of this file' },
    { name: 'key', value: 'key', many: true, help: 'by which it can be found; may be repeated' },
    {
      name: 'property',
      value: 'name=value',
      parse: parseProperty,
      many: true,
      help: 'an own property; may be repeated',
    },
    { name: 'order-by', value: 'key', help: 'stays in order with others of this key' },
    {
      name: 'delay',
      value: 'time',
      parse: parseDelay,
      help: 'delivered later: a time like 30m, or a level like level:3',
    },
    {
      name: 'content-type',
      value: 'type',
      parse: oneOf('text', 'json', 'binary'),
      help: 'what listeners take it for; default json where it is JSON, otherwise text, binary for a file',
    },
  ],
  examples: [
    `message send orders:created '{"id":1}' --key order-1`,
    'message send documents --file plan.pdf',
    'echo hello | nestmq message send greetings',
  ],
  check(flags, [, body]) {
    if (body !== undefined && flags.has('file'))
      throw new UsageError('The body is given twice: as an argument and as --file. Leave one out.');
  },
  async run(client, flags, [destination, body]) {
    const result = await client.producer.send(await outgoing(destination!, body, flags));
    const { status, messageId, offsetMessageId, topic, brokerName, queueId, queueOffset } = result;
    const document = {
      status,
      messageId,
      offsetMessageId,
      topic,
      broker: brokerName,
      queue: queueId,
      offset: queueOffset,
    };
    return { document, text: details(document) };
  },
};

const get: Operation = {
  usage: 'get <id>',
  description: 'one message, by its messageId (with --topic) or its offsetMessageId',
  flags: [
    { name: 'topic', value: 'topic', help: 'where it was sent; needed for a messageId' },
    { name: 'raw', help: 'only its body, as the bytes that were sent' },
  ],
  examples: ['message get 7F000001000B0000000018F3A2C40000 --topic orders'],
  check(flags) {
    if (flags.get('raw') === true && flags.get('json') === true)
      throw new UsageError('--raw and --json exclude each other.');
  },
  async run(client, flags, [id]) {
    const topic = flags.get('topic') as string | undefined;
    const message = await lookUp(client, topic, id!);
    if (message === undefined) {
      const where = topic === undefined ? '; a messageId is found with --topic' : ` in ${topic}`;
      throw new NotFoundError(`No message ${id} is kept${where}.`);
    }
    const text = flags.get('raw') === true ? message.body : messageText(message);
    return { document: { message: messageDocument(message) }, text };
  },
};

const find: Operation = {
  usage: 'find <topic>',
  description: 'messages by key (the youngest first), or by time (the oldest first)',
  flags: [
    { name: 'key', value: 'key', help: 'that have it among their keys' },
    {
      name: 'from',
      value: 'time',
      parse: parseTime,
      help: 'stored then or later: 2026-01-31T08:00Z, or 2h for two hours ago',
    },
    { name: 'to', value: 'time', parse: parseTime, help: 'stored then or earlier' },
    {
      name: 'max',
      value: 'n',
      parse: parseCount,
      help: 'at the most; default 32 by key (of 64), 100 by time (of 1000)',
    },
  ],
  examples: ['message find orders --key order-1', 'message find orders --from 10m --json'],
  async run({ admin }, flags, [topic]) {
    const range = {
      from: flags.get('from') as Date | undefined,
      to: flags.get('to') as Date | undefined,
      max: flags.get('max') as number | undefined,
    };
    const key = flags.get('key') as string | undefined;
    const { messages } = admin;
    return listed(
      key === undefined ? await messages.findByTime(topic!, range) : await messages.findByKey(topic!, key, range),
    );
  },
};

async function lookUp(
  { admin }: MessagingClient,
  topic: string | undefined,
  id: string,
): Promise<ReceivedMessage | undefined> {
  const found = topic === undefined ? undefined : await admin.messages.findByMessageId(topic, id);
  if (found !== undefined) return found;
  try {
    return await admin.messages.findByOffset(id);
  } catch (error) {
    // An id of another form: nothing is stored under it.
    if (topic !== undefined && error instanceof MessagingError && error.code === 'BAD_ARGUMENT') return undefined;
    throw error;
  }
}

function listed(messages: readonly ReceivedMessage[]): Outcome {
  const rows = messages.map((message) => {
    const { storedAt, messageId, tag, keys } = message;
    return [storedAt, messageId, tag, keys.join(' '), bodyLine(message)];
  });
  return {
    document: { messages: messages.map(messageDocument) },
    text: rows.length === 0 ? 'No message was found.' : table(['stored', 'message id', 'tag', 'keys', 'body'], rows),
  };
}

async function outgoing(destination: string, body: string | undefined, flags: FlagValues): Promise<OutgoingMessage> {
  const colon = destination.indexOf(':');
  const content = await contentOf(body, flags);
  const type = (flags.get('content-type') as OutgoingMessage['contentType']) ?? content.type;
  return {
    topic: colon < 0 ? destination : destination.slice(0, colon),
    tag: colon < 0 ? undefined : destination.slice(colon + 1),
    body: content.body,
    contentType: type,
    keys: flags.get('key') as string[] | undefined,
    properties: Object.fromEntries((flags.get('property') as [string, string][] | undefined) ?? []),
    shardingKey: flags.get('order-by') as string | undefined,
    delay: delayOf(flags.get('delay') as { level: number } | { millis: number } | undefined),
  };
}

function delayOf(delay: { level: number } | { millis: number } | undefined): OutgoingMessage['delay'] {
  return delay === undefined || 'level' in delay ? delay : { deliverAt: Date.now() + delay.millis };
}

async function contentOf(
  argument: string | undefined,
  flags: FlagValues,
): Promise<{ body: Buffer; type: OutgoingMessage['contentType'] }> {
  const file = flags.get('file') as string | undefined;
  if (file !== undefined) {
    try {
      return { body: await readFile(file), type: 'binary' };
    } catch (error) {
      throw new UsageError(`The file ${file} cannot be read: ${(error as Error).message}`);
    }
  }
  if (argument === undefined && process.stdin.isTTY)
    throw new UsageError('There is no body: give it as the second argument, as --file, or on stdin.');
  const text = argument ?? (await buffer(process.stdin)).toString().replace(/\r?\n$/, '');
  return { body: Buffer.from(text), type: isJson(text) ? 'json' : 'text' };
}

/** A number or a word alone is text to people. */
function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export function addMessageCommands(program: Command): void {
  addSubject(program, 'message', 'messages: sending one, finding those that are stored', [send, get, find]);
}
