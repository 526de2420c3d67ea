import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { createRequest, requestCodeName, requestHeaderSchema } from '../../lib/protocol/index.js';
import { decodeFrame, encodeFrame, requestFields, type SerializeType } from '../../lib/remoting/index.js';
import { mapped } from './support.js';

/** What Java clients put on the wire, as test/interop/java has recorded it. */
interface WireFrame {
  /** Client, form, kind, request code. */
  name: string;
  kind: 'request' | 'oneway' | 'answer';
  requestCode: number;
  hex: string;
}

const frames = JSON.parse(readFileSync('test/remoting/vectors/java-wire.json', 'utf8')) as WireFrame[];
/** Where Java says again what another field or the connection says. */
const UNREAD = new Set(['ReqT', 'bname', 'brokerName', 'n', 'lo', 'ns', 'nsd', 'oway']);
const GREATEST = '9223372036854775807';

const read = (bytes: Buffer) => decodeFrame(bytes, 0, bytes.length);

describe('what Java clients have put on the wire', () => {
  it('is of both lines, in both forms, and of every kind', () => {
    const kinds = new Set(frames.map(({ name }) => name.split(' ').slice(0, 3).join(' ')));
    for (const client of ['4.9.8', '5.3.3'])
      for (const form of ['JSON', 'binary'])
        for (const kind of ['request', 'oneway', 'answer']) expect(kinds).toContain(`${client} ${form} ${kind}`);
    expect(frames.length).toBeGreaterThan(80);
  });

  it.each(frames)('is read and written again as it was: $name', ({ name, kind, requestCode, hex }) => {
    const bytes = Buffer.from(hex, 'hex');
    const command = read(bytes);
    const type = command.serializeType as SerializeType;
    expect(name.split(' ')[1]).toBe(type === 1 ? 'binary' : 'JSON');
    expect({ language: command.language, response: command.flag & 1 }).toEqual({
      language: 0,
      response: kind === 'answer' ? 1 : 0,
    });
    const written = encodeFrame(command, type, (from, put) => {
      for (const [field, value] of from.extFields!) put(field, value);
    });
    if (type === 1) expect(written.toString('hex')).toBe(hex);
    else expect(jsonHeader(written)).toEqual(jsonHeader(bytes));
    expect(mapped(read(written))).toEqual(mapped(command));
    if (kind === 'answer') return;
    expect(name.endsWith(requestCodeName(requestCode))).toBe(true);

    const header = requestHeaderSchema(requestCode).fromFields(command.extFields!);
    const ours = read(encodeFrame(createRequest(requestCode, header, command.body), type, requestFields));
    for (const [field, value] of command.extFields!) {
      if (UNREAD.has(field) && !ours.extFields!.has(field)) continue;
      // Java's greatest number stands for "no end"; ours is the greatest that a number can be exactly.
      const meant = value === GREATEST ? String(Number.MAX_SAFE_INTEGER) : value;
      expect({ [field]: ours.extFields!.get(field) }).toEqual({ [field]: meant });
    }
    expect(ours.body).toEqual(command.body);
  });
});

/** Without what Java alone writes, and with the absence of fields in its one form. */
function jsonHeader(frame: Buffer): unknown {
  const length = frame.readInt32BE(4) & 0xffffff;
  const header = JSON.parse(frame.toString('utf8', 8, 8 + length)) as Record<string, unknown>;
  delete header.serializeTypeCurrentRPC;
  return { ...header, extFields: header.extFields ?? {} };
}
