import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createRequest,
  type Credentials,
  ExtensionCode,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  SignatureField,
  SigningKey,
} from '../../../lib/protocol/index.js';
import { encodeFrame, SERIALIZE_JSON } from '../../../lib/remoting/index.js';
import { BrokerHost } from '../../../lib/server/index.js';
import { RawPeer } from '../../remoting/support.js';
import { ADMIN, NOBODY, platform, startGuarded } from './accounts.js';

const LAST_CODE = 65_535;
const AT_ONCE = 2048;
/** Codes beyond 16 bits exist as well. */
const BEYOND = Object.values(RequestCode).filter((code) => code > LAST_CODE);

/** What a request with the code and nothing else in it is answered with, for every code there is. */
async function walk(host: BrokerHost, credentials: Credentials | undefined): Promise<Map<number, RemotingCommand>> {
  const peer = await RawPeer.connect(host.address!);
  const codes = [...Array.from({ length: LAST_CODE + 1 }, (_, code) => code), ...BEYOND, -1, -32_768, 2 ** 31 - 1];
  const fields = new Map<string, string>();
  if (credentials !== undefined) {
    fields.set(SignatureField.ACCESS_KEY, credentials.accessKey);
    const signature = new SigningKey(credentials.secretKey).sign(fields, undefined);
    fields.set(SignatureField.SIGNATURE, signature.toString('base64'));
  }
  for (let from = 0; from < codes.length; from += AT_ONCE) {
    const part = codes.slice(from, from + AT_ONCE);
    const frames = part.map((code, index) =>
      encodeFrame({ ...createRequest(code, {}), opaque: from + index }, SERIALIZE_JSON, (_command, put) => {
        for (const [name, value] of fields) put(name, value);
      }),
    );
    peer.send(Buffer.concat(frames));
    const wanted = from + part.length;
    while (peer.answers.length < wanted && !peer.closed) await new Promise((resolve) => setImmediate(resolve));
    if (peer.closed) throw new Error(`closed after ${peer.answers.length} answers`);
  }
  peer.socket.destroy();
  return new Map(peer.answers.map((answer) => [codes[answer.opaque]!, answer]));
}

function answeredBy(answers: ReadonlyMap<number, RemotingCommand>, wanted: number): number[] {
  return [...answers].filter(([, answer]) => answer.code === wanted).map(([code]) => code);
}

describe('every request code from 0 to 65535', () => {
  let guarded: BrokerHost;
  let open: BrokerHost;
  let before: unknown;

  beforeAll(async () => {
    guarded = await startGuarded();
    open = await BrokerHost.start({ memory: true, listen: 0, topics: ['orders'] }, platform);
    before = guarded.topics();
  });
  afterAll(async () => {
    await guarded.stop();
    await open.stop();
  });
  it('is refused without credentials', async () => {
    const answers = await walk(guarded, undefined);
    expect(answers.size).toBe(LAST_CODE + 1 + BEYOND.length + 3);
    expect(answeredBy(answers, ResponseCode.NO_PERMISSION)).toHaveLength(answers.size);
    const remarks = new Set([...answers.values()].map((answer) => answer.remark));
    expect([...remarks]).toEqual([expect.stringContaining('asks for credentials')]);
    expect([guarded.health().state, guarded.topics()]).toEqual(['running', before]);
  });

  it('is refused, unsupported or unreadable for an account that may do nothing, but for where brokers are', async () => {
    const answers = await walk(guarded, NOBODY);
    expect(answeredBy(answers, ResponseCode.SUCCESS)).toEqual([RequestCode.GET_BROKER_CLUSTER_INFO]);
    const refused = [
      ResponseCode.NO_PERMISSION,
      ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
      ResponseCode.INVALID_PARAMETER,
    ];
    const others = [...answers].filter(([, answer]) => !refused.includes(answer.code as never)).map(([code]) => code);
    expect(others).toEqual([RequestCode.GET_BROKER_CLUSTER_INFO]);
    // What cannot be read names nothing, so there is nothing to refuse.
    expect(answeredBy(answers, ResponseCode.INVALID_PARAMETER)).toEqual([
      RequestCode.HEART_BEAT,
      RequestCode.UNREGISTER_CLIENT,
      RequestCode.LOCK_BATCH_MQ,
      RequestCode.UNLOCK_BATCH_MQ,
      RequestCode.CHECK_CLIENT_CONFIG,
      ExtensionCode.SEND_PACK,
    ]);
    expect([guarded.health().state, guarded.topics()]).toEqual(['running', before]);
  });

  it('gets an answer for an administrator, and leaves the broker as it was', async () => {
    const answers = await walk(guarded, ADMIN);
    const unknown = answeredBy(answers, ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
    const known: readonly number[] = Object.values(RequestCode);
    expect(unknown.length).toBeGreaterThan(65_000);
    expect(
      [...answers].filter(([code]) => !known.includes(code) && code < 31_000).every(([, { code }]) => code === 3),
    ).toBe(true);
    expect([guarded.health().state, guarded.topics()]).toEqual(['running', before]);
  });

  it('gets an answer without access control; codes that nobody knows are unsupported', async () => {
    const answers = await walk(open, undefined);
    const known: readonly number[] = Object.values(RequestCode);
    const odd = [...answers]
      .filter(([code]) => !known.includes(code) && (code < 31_000 || code > 31_999))
      .filter(([, answer]) => answer.code !== ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
    expect(odd).toEqual([]);
    expect(open.health().state).toBe('running');
    for (const code of [RequestCode.CHECK_TRANSACTION_STATE, RequestCode.NOTIFY_CONSUMER_IDS_CHANGED])
      expect([ResponseCode.REQUEST_CODE_NOT_SUPPORTED, ResponseCode.INVALID_PARAMETER]).toContain(
        answers.get(code)!.code,
      );
  });
});
