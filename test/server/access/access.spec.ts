import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsumeMode, MessagingClient } from '../../../lib/client/index.js';
import { systemPlatform } from '../../../lib/platform/index.js';
import {
  createRequest,
  type Credentials,
  encodeHeartbeatData,
  encodeLockBatchRequestBody,
  encodeProperties,
  ExtensionCode,
  type HeartbeatData,
  RequestCode,
  ResponseCode,
  SignatureField,
  SigningKey,
  SysFlag,
} from '../../../lib/protocol/index.js';
import { type Channel, TcpConnector } from '../../../lib/remoting/index.js';
import { accessRule, isNeverServed } from '../../../lib/server/access/access-rules.js';
import { type AclSetting, type BrokerHost, BrokerHost as Host } from '../../../lib/server/index.js';
import { pullHeader, sendHeader } from '../../broker/harness.js';
import { PACK } from '../../fuzz/samples.js';
import { ACK } from '../../client/support.js';
import { MemoryLogger } from '../../remoting/support.js';
import { ACL, ADMIN, connectAs, CONSUMER, NOBODY, platform, PRODUCER, startGuarded } from './accounts.js';

const DENIED = ResponseCode.NO_PERMISSION;

describe('access control', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(acl: AclSetting | string = ACL): Promise<BrokerHost> {
    const host = await startGuarded(acl);
    cleanups.push(() => host.stop());
    return host;
  }

  async function as(credentials: Credentials | undefined, host: BrokerHost): Promise<Channel> {
    const channel = await connectAs(credentials, host);
    cleanups.push(() => channel.close());
    return channel;
  }

  const ask = (channel: Channel, code: number, header: object, body?: Buffer) =>
    channel.invoke(createRequest(code, header, body), 5000);
  const codeOf = async (channel: Channel, code: number, header: object = {}, body?: Buffer): Promise<number> =>
    (await ask(channel, code, header, body)).code;
  const send = (channel: Channel, topic: string): Promise<number> =>
    codeOf(channel, RequestCode.SEND_MESSAGE_V2, sendHeader(topic), Buffer.from('x'));
  const heartbeat = (clientID: string, group?: string, topic = 'orders'): Buffer => {
    const data = { topic, subString: '*', tagsSet: [], codeSet: [], subVersion: 1, expressionType: 'TAG' };
    return encodeHeartbeatData({
      clientID,
      producerDataSet: [{ groupName: 'p' }],
      consumerDataSet:
        group === undefined
          ? []
          : [
              {
                groupName: group,
                consumeType: 'CONSUME_PASSIVELY',
                messageModel: 'CLUSTERING',
                consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
                subscriptionDataSet: [{ ...data, classFilterMode: false }],
                unitMode: false,
              },
            ],
    } satisfies HeartbeatData);
  };

  it('has a rule for every code that there is, or says that nobody serves it', () => {
    const codes = Object.entries({ ...RequestCode, ...ExtensionCode });
    const undecided = codes.filter(([, code]) => (accessRule(code) === undefined) === !isNeverServed(code));
    // Give what is named here a rule in lib/server/access/access-rules.ts.
    expect(undecided.map(([name]) => name)).toEqual([]);
  });

  it('lets a producer send to its topic and nothing else', async () => {
    const host = await start();
    const producer = await as(PRODUCER, host);
    expect(await send(producer, 'orders')).toBe(ResponseCode.SUCCESS);
    expect(await send(producer, 'other')).toBe(DENIED);
    expect(await send(producer, '%RETRY%billing')).toBe(DENIED);
    expect(await codeOf(producer, RequestCode.SEND_BATCH_MESSAGE, sendHeader('other'), Buffer.from('x'))).toBe(DENIED);
    expect(await codeOf(producer, ExtensionCode.SEND_PACK, { ...PACK, topics: ['orders', 'orders'] })).toBe(
      ResponseCode.SUCCESS,
    );
    expect(await codeOf(producer, ExtensionCode.SEND_PACK, { ...PACK, topics: ['orders', 'other'] })).toBe(DENIED);
    expect(await codeOf(producer, ExtensionCode.SEND_PACK, {}, Buffer.from('no pack'))).toBe(
      ResponseCode.INVALID_PARAMETER,
    );
    expect(await codeOf(producer, RequestCode.PULL_MESSAGE, pullHeader('billing', 'orders', 0, 0))).toBe(DENIED);
    expect(await codeOf(producer, RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: 'orders' })).toBe(ResponseCode.SUCCESS);
    expect(await codeOf(producer, RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: 'other' })).toBe(DENIED);
    expect(await codeOf(producer, RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).toBe(DENIED);
    expect(await codeOf(producer, RequestCode.VIEW_MESSAGE_BY_ID, { offset: 0 })).toBe(DENIED);
  });

  it('judges each topic by itself of what a client sends at once', async () => {
    const host = await start();
    const connector = new TcpConnector({}, platform.clock);
    const nameServers = [host.address!];
    const options = { application: 'guarded', nameServers, connector, credentials: PRODUCER, sendRetries: 0 };
    const client = new MessagingClient(options, platform);
    cleanups.push(() => client.shutdown(1000));
    await client.start();
    const codes = async (topics: readonly string[]): Promise<string[]> => {
      const sent = topics.map((topic) => client.producer.send({ topic, body: Buffer.from('x') }));
      const settled = await Promise.allSettled(sent);
      return settled.map((one) => (one.status === 'fulfilled' ? 'stored' : (one.reason as { code: string }).code));
    };
    for (let round = 0; round < 3; round++)
      expect(await codes(['orders', 'orders', 'other', 'orders'])).toEqual([
        'stored',
        'stored',
        'NO_PERMISSION',
        'stored',
      ]);
    expect(await codes(['orders', 'orders', 'orders'])).toEqual(['stored', 'stored', 'stored']);
  });

  it('lets a consumer read for its group and nothing else', async () => {
    const host = await start();
    const consumer = await as(CONSUMER, host);
    const hello = (group: string, topic?: string): Promise<number> =>
      codeOf(consumer, RequestCode.HEART_BEAT, {}, heartbeat('c@1', group, topic));
    expect(await hello('billing')).toBe(ResponseCode.SUCCESS);
    expect(await hello('shipping')).toBe(DENIED);
    expect(await hello('billing', 'other')).toBe(DENIED);
    expect(await send(consumer, 'orders')).toBe(DENIED);
    const pull = (group: string, topic: string): Promise<number> =>
      codeOf(consumer, RequestCode.PULL_MESSAGE, pullHeader(group, topic, 0, 0));
    expect(await pull('billing', 'orders')).toBe(ResponseCode.PULL_NOT_FOUND);
    expect(await pull('shipping', 'orders')).toBe(DENIED);
    expect(await pull('billing', 'other')).toBe(DENIED);
    expect(await pull('billing', 'RMQ_SYS_TRANS_HALF_TOPIC')).toBe(DENIED);
    expect(await pull('billing', '%DLQ%shipping')).toBe(DENIED);
    const queue = { topic: 'orders', brokerName: 'nestmq', queueId: 0 };
    const lock = (consumerGroup: string): Promise<number> => {
      const body = encodeLockBatchRequestBody({ consumerGroup, clientId: 'c@1', mqSet: [queue] });
      return codeOf(consumer, RequestCode.LOCK_BATCH_MQ, {}, body);
    };
    expect(await lock('billing')).toBe(ResponseCode.SUCCESS);
    expect(await lock('shipping')).toBe(DENIED);
    const offset = { consumerGroup: 'shipping', topic: 'orders', queueId: 0 };
    expect(await codeOf(consumer, RequestCode.QUERY_CONSUMER_OFFSET, offset)).toBe(DENIED);
    expect(await codeOf(consumer, RequestCode.UPDATE_CONSUMER_OFFSET, { ...offset, commitOffset: 1 })).toBe(DENIED);
  });

  it('keeps administration for administrators', async () => {
    const host = await start();
    const [admin, consumer] = [await as(ADMIN, host), await as(CONSUMER, host)];
    expect(await codeOf(consumer, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' })).toBe(DENIED);
    expect(await codeOf(admin, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' })).toBe(ResponseCode.SUCCESS);
    expect(await codeOf(admin, RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).toBe(ResponseCode.SUCCESS);
    expect(await send(admin, 'made-by-admin')).toBe(ResponseCode.SUCCESS);
    // What only clients get is refused for administrators as well.
    expect(await codeOf(admin, RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, { consumerGroup: 'g' })).toBe(DENIED);
    expect(await codeOf(admin, 12_345)).toBe(ResponseCode.REQUEST_CODE_NOT_SUPPORTED);
  });

  it('does not tell a wrong account from a wrong signature, and covers header and body by it', async () => {
    const host = await start();
    const plain = await as(undefined, host);
    const body = Buffer.from('a body');
    const header = sendHeader('orders');
    const fields = new Map<string, string>([
      [SignatureField.ACCESS_KEY, PRODUCER.accessKey],
      ['b', 'orders'],
    ]);
    const remarkFor = async (accessKey: string, signature: string): Promise<string> => {
      const request = createRequest(RequestCode.SEND_MESSAGE_V2, header, body);
      request.extFields = new Map([...fields, [SignatureField.ACCESS_KEY, accessKey], ['Signature', signature]]);
      const response = await plain.invoke(request, 5000);
      expect(response.code).toBe(DENIED);
      return response.remark!;
    };
    const ofOther = new SigningKey(PRODUCER.secretKey).sign(fields, Buffer.from('another body')).toString('base64');
    const remarks = [
      await remarkFor('no such account', ofOther),
      await remarkFor(PRODUCER.accessKey, ofOther),
      await remarkFor(PRODUCER.accessKey, ''),
      await remarkFor('__proto__', 'constructor'),
    ];
    expect(new Set(remarks).size).toBe(1);
    expect(remarks[0]).not.toContain(PRODUCER.secretKey);
  });

  it('keeps the id of a client for the account that has it', async () => {
    const two = { accessKey: 'consumer-two', secretKey: 'secret-of-two' };
    const host = await start({ accounts: [...ACL.accounts, { ...ACL.accounts[2]!, ...two }] });
    const [first, second] = [await as(CONSUMER, host), await as(two, host)];
    expect(await codeOf(first, RequestCode.HEART_BEAT, {}, heartbeat('c@1', 'billing'))).toBe(ResponseCode.SUCCESS);
    expect(await codeOf(second, RequestCode.HEART_BEAT, {}, heartbeat('c@1', 'billing'))).toBe(DENIED);
    const queue = { topic: 'orders', brokerName: 'nestmq', queueId: 0 };
    const body = encodeLockBatchRequestBody({ consumerGroup: 'billing', clientId: 'c@1', mqSet: [queue] });
    expect(await codeOf(second, RequestCode.UNLOCK_BATCH_MQ, {}, body)).toBe(DENIED);
    expect(await codeOf(second, RequestCode.UNREGISTER_CLIENT, { clientID: 'c@1' })).toBe(DENIED);
    await first.close();
    let code: number = DENIED;
    while (code === DENIED) code = await codeOf(second, RequestCode.HEART_BEAT, {}, heartbeat('c@1', 'billing'));
    expect(code).toBe(ResponseCode.SUCCESS);
  });

  it('asks about a transaction only who may send to its topic, whatever group others say they are', async () => {
    const other = { accessKey: 'spy-account', secretKey: 'secret-of-spy' };
    const accounts = [...ACL.accounts, { ...other, topicPermissions: { other: 'PUB' as const } }];
    const host = await startGuarded({ accounts }, { transactions: { timeoutMillis: 50, checkIntervalMillis: 50 } });
    cleanups.push(() => host.stop());
    const [spy, producer] = [await as(other, host), await as(PRODUCER, host)];
    const asked: Channel[] = [];
    let heard!: () => void;
    const answered = new Promise<void>((resolve) => (heard = resolve));
    for (const channel of [spy, producer]) {
      channel.onRequest((request) => {
        if (request.code !== RequestCode.CHECK_TRANSACTION_STATE) return;
        asked.push(channel);
        if (channel === producer && asked.length > 2) heard();
      });
    }
    expect(await codeOf(spy, RequestCode.HEART_BEAT, {}, heartbeat('spy@1'))).toBe(ResponseCode.SUCCESS);
    expect(await codeOf(producer, RequestCode.HEART_BEAT, {}, heartbeat('p@1'))).toBe(ResponseCode.SUCCESS);
    const properties = encodeProperties([
      ['TRAN_MSG', 'true'],
      ['PGROUP', 'p'],
    ]);
    const half = sendHeader('orders', { producerGroup: 'p', sysFlag: SysFlag.TRANSACTION_PREPARED, properties });
    expect(await codeOf(producer, RequestCode.SEND_MESSAGE_V2, half, Buffer.from('secret'))).toBe(ResponseCode.SUCCESS);
    await answered;
    expect(asked).not.toContain(spy);
  });

  it('lets white addresses do without credentials what is no administration', async () => {
    const host = await start({ ...ACL, globalWhiteRemoteAddresses: ['10.1.0.0/16', '127.0.0.*'] });
    const plain = await as(undefined, host);
    expect(await send(plain, 'other')).toBe(ResponseCode.SUCCESS);
    expect(await codeOf(plain, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' })).toBe(DENIED);
    // Who shows credentials is measured by them.
    expect(await send(await as(NOBODY, host), 'other')).toBe(DENIED);
    expect(await send(await as({ ...NOBODY, secretKey: 'not this one' }, host), 'other')).toBe(DENIED);
  });

  it('takes an account by its name from its white address, without its administration', async () => {
    const accounts = [
      { ...PRODUCER, topicPermissions: { orders: 'PUB' as const }, whiteRemoteAddress: '127.0.0.{1,2}' },
      { ...ADMIN, admin: true, whiteRemoteAddress: ['::1', '127.0.0.1'] },
    ];
    const host = await start({ accounts });
    const named = await as({ ...PRODUCER, secretKey: 'not this one' }, host);
    expect(await send(named, 'orders')).toBe(ResponseCode.SUCCESS);
    expect(await send(named, 'other')).toBe(DENIED);
    const admin = await as({ ...ADMIN, secretKey: 'not this one' }, host);
    expect(await codeOf(admin, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: 'orders' })).toBe(DENIED);
  });

  it('reads its accounts again from their file, for open connections too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nestmq-acl-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'accounts.json');
    await writeFile(path, JSON.stringify(ACL));
    const host = await start(path);
    const producer = await as(PRODUCER, host);
    expect(await send(producer, 'orders')).toBe(ResponseCode.SUCCESS);
    await writeFile(path, `{ "accounts": [ { "accessKey": "producer-key", "secretKey": oops `);
    await expect(host.reload()).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.not.stringMatching(/producer-key|oops/),
    });
    expect(await send(producer, 'orders')).toBe(ResponseCode.SUCCESS);
    await writeFile(path, JSON.stringify({ accounts: [{ ...ADMIN, admin: true }] }));
    await host.reload();
    expect(await send(producer, 'orders')).toBe(DENIED);
    expect(await send(await as(ADMIN, host), 'orders')).toBe(ResponseCode.SUCCESS);
  });

  it('serves the application that the broker runs in without credentials', async () => {
    const host = await start();
    const inside = await host.connector.connect('in-process');
    expect(await send(inside, 'other')).toBe(ResponseCode.SUCCESS);
    expect(host.summary()).toContain('access control');
  });

  it('has clients of ours produce and consume with credentials, also oneway', async () => {
    const host = await start({
      accounts: [
        { ...PRODUCER, defaultTopicPermission: 'PUB|SUB', defaultGroupPermission: 'SUB' },
        { ...ADMIN, admin: true },
      ],
    });
    const make = (credentials?: Credentials, serialize: 'json' | 'binary' = 'json'): MessagingClient => {
      const connector = new TcpConnector({ serialize }, platform.clock);
      const nameServers = [host.address!];
      const client = new MessagingClient({ application: 'guarded', nameServers, connector, credentials }, platform);
      cleanups.push(() => client.shutdown(1000));
      return client;
    };
    for (const serialize of ['json', 'binary'] as const) {
      const client = make(PRODUCER, serialize);
      const topic = `t-${serialize}`;
      await client.start();
      const bodies: string[] = [];
      let complete!: () => void;
      const done = new Promise<void>((resolve) => (complete = resolve));
      const consumer = client.consumer({ group: `g-${serialize}`, mode: ConsumeMode.CONCURRENT });
      consumer.add({
        name: 'l',
        topic,
        handle: (message) => {
          if (bodies.push(message.text()) === 2) complete();
          return ACK;
        },
      });
      await client.producer.send({ topic, body: Buffer.from('one'), properties: { ä: 'ö 🔒' } });
      await consumer.register();
      await consumer.start();
      client.producer.sendOneWay({ topic, body: Buffer.from('two') });
      await client.producer.send({ topic, body: Buffer.from('three') });
      await done;
    }
    const stranger = make();
    await stranger.start();
    await expect(stranger.producer.send({ topic: 't-json', body: Buffer.from('x') })).rejects.toMatchObject({
      code: 'NO_PERMISSION',
      retryable: false,
    });
  });

  it('tells no secret in logs, errors and summaries', async () => {
    const logger = new MemoryLogger();
    const host = await Host.start({ memory: true, listen: 0, acl: ACL }, systemPlatform({ logger }));
    cleanups.push(() => host.stop());
    const wrong = await as({ ...ADMIN, secretKey: 'also a secret' }, host);
    const answers = [
      await ask(wrong, RequestCode.GET_BROKER_CONFIG, {}),
      await ask(wrong, 25, {}, Buffer.from('acl=1')),
    ];
    const admin = await as(ADMIN, host);
    for (const code of [
      RequestCode.GET_BROKER_CONFIG,
      RequestCode.GET_BROKER_RUNTIME_INFO,
      RequestCode.GET_NAMESRV_CONFIG,
    ])
      answers.push(await ask(admin, code, {}));
    const said = [
      ...logger.lines,
      host.summary(),
      ...answers.flatMap(({ remark, body }) => [remark, body?.toString()]),
    ];
    expect(said.join('\n')).toContain('Refused request');
    for (const { secretKey } of [ADMIN, PRODUCER, CONSUMER, NOBODY]) expect(said.join('\n')).not.toContain(secretKey);
    expect(said.join('\n')).not.toContain('also a secret');
  });

  const secret = 'hush-hush-hush';
  const account = { accessKey: 'some-account', secretKey: secret };
  it.each<[string, unknown, RegExp]>([
    ['a list', [account], /broker\.acl must be/],
    ['no accounts', {}, /needs accounts/],
    ['a short secret', { accounts: [{ ...account, secretKey: 'hush' }] }, /accounts\[0\]\.secretKey must be a text/],
    ['no secret', { accounts: [{ accessKey: 'some-account' }] }, /needs accessKey and secretKey/],
    ['one account twice', { accounts: [account, account] }, /accounts\[1\] has the accessKey of another/],
    ['an unknown field', { accounts: [{ ...account, secretkey: secret }] }, /no setting "secretkey"/],
    [
      'an unknown permission',
      { accounts: [{ ...account, topicPermissions: { a: 'ALL' } }] },
      /topicPermissions must be/,
    ],
    ['everybody as white', { accounts: [], globalWhiteRemoteAddresses: ['*.*.*.*'] }, /let everybody in/],
    ['a network of everybody', { accounts: [], globalWhiteRemoteAddresses: ['0.0.0.0/0'] }, /let everybody in/],
    ['no address', { accounts: [{ ...account, whiteRemoteAddress: '10.0.0.300' }] }, /"10.0.0.300" is no address/],
    ['a text as account', { accounts: [secret] }, /accounts\[0\] must be an object/],
    ['a file that is not there', '/nowhere/accounts.json', /cannot be read \(ENOENT\)/],
  ])('is refused with %s, without telling a secret', async (_what, acl, words) => {
    const refused = startGuarded(acl as AclSetting);
    await expect(refused).rejects.toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(words) });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringMatching(/hush(?!")/) });
  });

  it('is what another address than loopback needs, or a word that it is not wanted', async () => {
    const listen = { host: '0.0.0.0', port: 0 };
    const refused = Host.start({ memory: true, listen, advertisedAddress: '127.0.0.1:1' }, platform);
    await expect(refused).rejects.toThrow(/broker\.acl, or set broker\.insecure/);
    await expect(Host.start({ memory: true, acl: ACL }, platform)).rejects.toThrow(/acl has no meaning without a port/);
  });
});
