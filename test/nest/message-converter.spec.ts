import { describe, expect, it } from '@jest/globals';
import { DefaultMessageConverter } from '../../lib/index.js';

const converter = new DefaultMessageConverter();
const json = Buffer.from('{"a":1}');

describe('how an incoming body is read', () => {
  class Dto {}
  it.each<[string, Buffer, 'text' | 'json' | 'binary' | undefined, unknown, unknown]>([
    ['the sender said text', json, 'text', Dto, '{"a":1}'],
    ['the sender said bytes', json, 'binary', String, json],
    ['the sender said JSON', json, 'json', String, { a: 1 }],
    ['no word, declared string', json, undefined, String, '{"a":1}'],
    ['no word, declared Buffer', json, undefined, Buffer, json],
    ['no word, declared Uint8Array', json, undefined, Uint8Array, json],
    ['no word, declared class', json, undefined, Dto, { a: 1 }],
    ['no word, no type', json, undefined, undefined, { a: 1 }],
    ['no word, an interface', json, undefined, Object, { a: 1 }],
  ])('%s', (_case, body, contentType, type, expected) => {
    expect(converter.decode(body, contentType, type)).toEqual(expected);
  });

  it.each([
    ['JSON that is none', Buffer.from('{oops'), 'json'],
    ['nothing at all', Buffer.alloc(0), 'json'],
    ['text that is not UTF-8', Buffer.from([0xff, 0xfe]), 'text'],
  ] as const)('%s is undecodable, and the error does not quote it', (_case, body, contentType) => {
    let error: Error | undefined;
    try {
      converter.decode(body, contentType, undefined);
    } catch (caught) {
      error = caught as Error;
    }
    expect(error).toMatchObject({ code: 'UNDECODABLE' });
    expect(error!.message).not.toContain('oops');
  });
});
