import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  buildSubscriptionData,
  compileFilter,
  encodeProperties,
  type FilterSpec,
  RequestCode,
  ResponseCode,
  type SubscriptionData,
  subscriptionOf,
} from '../../lib/protocol/index.js';
import { type Pulled, TestBroker, type TestClient } from './harness.js';

const { SUCCESS, PULL_NOT_FOUND, PULL_RETRY_IMMEDIATELY } = ResponseCode;

describe('filters', () => {
  let broker: TestBroker;
  let producer: TestClient;
  let consumer: TestClient;

  beforeEach(async () => {
    broker = await TestBroker.start();
    producer = broker.client();
    consumer = broker.client();
  });
  afterEach(() => broker.stop());

  const send = (body: string, properties: Record<string, string>) =>
    producer.sent('orders', body, { properties: encodeProperties(Object.entries(properties)) });
  const subscribe = async (
    client: TestClient,
    specs: readonly FilterSpec[],
    version = 1,
    change: Partial<SubscriptionData> = {},
  ) => {
    const data = { ...subscriptionOf('orders', specs.map(compileFilter), version), ...change };
    const subscriptionDataSet = [data, buildSubscriptionData('%RETRY%billing', '*', version)];
    const response = await client.heartbeat([{ groupName: 'billing', subscriptionDataSet }]);
    expect([response.code, response.remark]).toEqual([0, undefined]);
  };
  const bodies = ({ records }: Pulled) => records.map(({ body }) => body.toString());
  const pull = (offset: number, client = consumer) => client.pull('billing', 'orders', 0, offset);

  it.each<[string, FilterSpec[], string[]]>([
    ['a selector', [{ selector: "region = 'eu' AND amount > 10" }], ['eu-20']],
    ['a wildcard for one word', [{ tag: 'order.*.paid' }], ['eu-20', 'us-20']],
    ['a wildcard for any number of words', [{ tag: 'order.#' }], ['eu-20', 'eu-5', 'us-20', 'plain']],
    ['a wildcard beside a tag', [{ tag: 'order.*.paid || invoice' }], ['eu-20', 'us-20', 'invoice']],
    ['all of several headers', [{ headers: { match: 'all', properties: { region: 'eu', vip: true } } }], ['eu-5']],
    [
      'any of several headers',
      [{ headers: { match: 'any', properties: { region: 'us', vip: true } } }],
      ['eu-5', 'us-20'],
    ],
    [
      'headers beside a tag',
      [{ tag: 'order.*.paid', headers: { match: 'all', properties: { region: 'eu' } } }],
      ['eu-20'],
    ],
    ['a union of them', [{ selector: "region = 'us'" }, { tag: 'invoice' }], ['us-20', 'invoice']],
    ['a union of which one cannot be evaluated', [{ selector: 'region > 3' }, { tag: 'invoice' }], ['invoice']],
    ['names that SQL has no word for', [{ headers: { match: 'all', properties: { 'x-no': '7' } } }], ['invoice']],
  ])('hand out what passes %s', async (_what, specs, expected) => {
    await subscribe(consumer, specs);
    await send('eu-20', { TAGS: 'order.books.paid', region: 'eu', amount: '20' });
    await send('eu-5', { TAGS: 'order.books.created', region: 'eu', amount: '5', vip: 'yes' });
    await send('us-20', { TAGS: 'order.games.paid', region: 'us', amount: '20' });
    await send('plain', { TAGS: 'order' });
    await send('invoice', { TAGS: 'invoice', 'x-no': '7' });
    await send('untagged', { amount: 'much' });
    const pulled = await pull(0);
    expect(bodies(pulled)).toEqual(expected);
    expect(pulled.header.nextBeginOffset).toBe(6);
    const after = await pull(6);
    expect([after.code, after.header.nextBeginOffset]).toEqual([PULL_NOT_FOUND, 6]);
  });

  it('give the position behind what was for others when nothing passes', async () => {
    await subscribe(consumer, [{ selector: "region = 'eu'" }]);
    for (let i = 0; i < 5; i++) await send('us', { region: 'us' });
    const pulled = await pull(0);
    expect([pulled.code, pulled.header.nextBeginOffset]).toEqual([PULL_RETRY_IMMEDIATELY, 5]);
  });

  it('look at a thousand messages for one answer and go on from there', async () => {
    await subscribe(consumer, [{ selector: 'n = 1499' }]);
    for (let n = 0; n < 1_500; n++) await send(`n${n}`, { n: String(n) });
    const first = await pull(0);
    expect([first.code, first.header.nextBeginOffset]).toEqual([PULL_RETRY_IMMEDIATELY, 1_000]);
    expect(bodies(await pull(1_000))).toEqual(['n1499']);
  });

  it('let a waiting pull wait on when only messages for others come, and wake it for its own', async () => {
    await send('other', { TAGS: 'invoice' });
    await subscribe(consumer, [{ tag: 'order.#' }]);
    let answer: Pulled | undefined;
    const waiting = consumer.waitingPull('billing', 'orders', 0, 1).then((pulled) => (answer = pulled));
    for (let i = 0; i < 3; i++) await send('other', { TAGS: 'invoice' });
    await broker.clock.advance(5_000);
    expect(answer).toBeUndefined();
    expect(broker.broker.figures().heldPulls).toBe(1);
    await send('mine', { TAGS: 'order.paid' });
    expect(bodies(await waiting)).toEqual(['mine']);
  });

  it('tell a pull that has waited in vain how far it came', async () => {
    await subscribe(consumer, [{ selector: "region = 'eu'" }]);
    await send('us', { region: 'us' });
    const waiting = consumer.waitingPull('billing', 'orders', 0, 1);
    for (let i = 0; i < 3; i++) await send('us', { region: 'us' });
    await broker.clock.advance(15_100);
    const pulled = await waiting;
    expect([pulled.code, pulled.header.nextBeginOffset]).toEqual([PULL_NOT_FOUND, 4]);
  });

  it('are taken from a pull that brings one', async () => {
    await send('eu', { region: 'eu' });
    await send('us', { region: 'us' });
    const lite = (subscription: string) =>
      consumer.pull('lite', 'orders', 0, 0, { sysFlag: 4, subscription, expressionType: 'SQL92' });
    expect(bodies(await lite("region = 'us'"))).toEqual(['us']);
    const broken = await lite('region =');
    expect(broken.code).toBe(ResponseCode.SUBSCRIPTION_PARSE_FAILED);
    expect(broken.remark).toContain('SQL92 at character 9');
  });

  it('that are not understood refuse the pulls of their member only', async () => {
    await send('eu', { region: 'eu' });
    await subscribe(consumer, [{ selector: 'a = 1' }], 1, { subString: 'a =' });
    const refused = await pull(0);
    expect(refused.code).toBe(ResponseCode.FILTER_DATA_NOT_EXIST);
    expect(refused.remark).toContain('SQL92 at character 4');
    const other = broker.client();
    await subscribe(other, [{ selector: "region = 'eu'" }]);
    expect(bodies(await pull(0, other))).toEqual(['eu']);
  });

  it('change with a heartbeat of a higher version, and members that differ are reported once', async () => {
    await send('eu', { region: 'eu' });
    await subscribe(consumer, [{ selector: "region = 'us'" }]);
    expect((await pull(0)).code).toBe(PULL_RETRY_IMMEDIATELY);
    await subscribe(consumer, [{ selector: "region = 'eu'" }], 2);
    expect(bodies(await pull(0))).toEqual(['eu']);
    const newer = broker.client();
    await subscribe(newer, [{ headers: { match: 'all', properties: { region: 'us' } } }]);
    expect(broker.broker.figures().disagreements).toBe(1);
    await subscribe(newer, [{ headers: { match: 'all', properties: { region: 'eu' } } }], 2);
    expect(bodies(await pull(0, newer))).toEqual(['eu']);
    expect(broker.broker.figures().disagreements).toBe(1);
  });

  it('leave the retry topic alone', async () => {
    await subscribe(consumer, [{ selector: "region = 'eu'" }]);
    await producer.sent('%RETRY%billing', 'again', { properties: encodeProperties([['region', 'us']]) });
    expect(bodies(await consumer.pull('billing', '%RETRY%billing', 0, 0))).toEqual(['again']);
  });

  it('read wildcards of a plain subscription as RocketMQ does: as characters', async () => {
    await consumer.join('billing', 'orders', 'order.*');
    await send('paid', { TAGS: 'order.paid' });
    await send('star', { TAGS: 'order.*' });
    expect(bodies(await pull(0))).toEqual(['star']);
  });

  it('are bounded for one group', async () => {
    const subscriptionDataSet = Array.from({ length: 60 }, (_, i) => ({
      ...buildSubscriptionData(`t${i}`, '*', 1),
      expressionType: 'SQL92',
      subString: `a = '${'x'.repeat(8_000)}'`,
    }));
    const refused = await consumer.heartbeat([{ groupName: 'billing', subscriptionDataSet }]);
    expect(refused.code).toBe(ResponseCode.INVALID_PARAMETER);
  });
});

describe('a broker without SQL filters', () => {
  let broker: TestBroker;

  beforeEach(async () => {
    broker = await TestBroker.start({ sqlFilters: false });
  });
  afterEach(() => broker.stop());

  it('says so when it is asked, when a pull brings SQL, and to members that subscribed by it', async () => {
    const consumer = broker.client();
    await consumer.sent('orders', 'x');
    const sql = { ...buildSubscriptionData('orders', '*', 1), expressionType: 'SQL92', subString: 'a = 1' };
    const asked = await consumer.invoke(
      RequestCode.CHECK_CLIENT_CONFIG,
      {},
      Buffer.from(JSON.stringify({ clientId: 'c', group: 'billing', subscriptionData: sql })),
    );
    await consumer.heartbeat([{ groupName: 'billing', subscriptionDataSet: [sql] }]);
    const pulled = await consumer.pull('billing', 'orders', 0, 0);
    const brought = await consumer.pull('lite', 'orders', 0, 0, {
      sysFlag: 4,
      subscription: 'a = 1',
      expressionType: 'SQL92',
    });
    for (const { code, remark } of [asked, pulled, brought]) {
      expect([code, remark]).toEqual([ResponseCode.SYSTEM_ERROR, expect.stringContaining('SQL92')]);
    }
  });

  it('filters by wildcards and headers nevertheless', async () => {
    const consumer = broker.client();
    await consumer.sent('orders', 'x', { tag: 'order.paid' });
    const data = subscriptionOf('orders', [compileFilter({ tag: 'order.*' })], 1);
    await consumer.heartbeat([{ groupName: 'billing', subscriptionDataSet: [data] }]);
    expect((await consumer.pull('billing', 'orders', 0, 0)).code).toBe(SUCCESS);
  });
});
