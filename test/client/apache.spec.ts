import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BrokerProfile } from '../../lib/client/connection/capabilities.js';
import type { ClientCore } from '../../lib/client/connection/client-core.js';
import { ConsumeMode, decide, type MessagingClient, PostponeError } from '../../lib/client/index.js';
import {
  createResponse,
  ExtensionProperty,
  getProperty,
  PropertyName,
  RequestCode,
  ResponseCode,
  type QueryConsumerOffsetRequestHeader,
  type RemotingCommand,
  type SendMessageRequestHeader,
  type UpdateConsumerOffsetRequestHeader,
} from '../../lib/protocol/index.js';
import { ACK, retry, text, World } from './support.js';

const DAY = 86_400_000;
const TIMERS: BrokerProfile = { kind: 'apache5', longestTimer: 3 * DAY, timerPrecision: 1000, sqlFilters: true };
const LEVELS: BrokerProfile = { kind: 'apache4', longestTimer: 0, timerPrecision: 1, sqlFilters: undefined };

/** The client takes its broker for one of Apache's. */
function pretend(client: MessagingClient, profile: BrokerProfile): void {
  const { core } = client as unknown as { core: ClientCore };
  jest.spyOn(core.capabilities, 'of').mockResolvedValue(profile);
}

/** Apache's broker takes positions in queues that a topic does not have; ours does not. */
function mark(
  marks: Map<string, number>,
  code: number,
  { consumerGroup, queueId, commitOffset }: UpdateConsumerOffsetRequestHeader,
): RemotingCommand | undefined {
  if (!(queueId >= 0x4000_0000)) return undefined;
  const key = `${consumerGroup}@${queueId}`;
  if (code === RequestCode.UPDATE_CONSUMER_OFFSET) marks.set(key, commitOffset);
  const offset = marks.get(key);
  return offset === undefined
    ? createResponse(ResponseCode.QUERY_NOT_FOUND, {})
    : createResponse(ResponseCode.SUCCESS, { offset });
}

describe('a client on Apache’s broker', () => {
  let world: World;
  let sent: string[];
  beforeEach(async () => {
    world = await World.start({ topics: [{ name: 't', queues: 1 }] });
    sent = [];
    const marks = new Map<string, number>();
    world.intercept = ({ code, header }) => {
      const marked = mark(marks, code, header as UpdateConsumerOffsetRequestHeader);
      if (marked !== undefined) return Promise.resolve(marked);
      if (code === RequestCode.SEND_MESSAGE_V2) sent.push((header as SendMessageRequestHeader).properties!);
      if (code === RequestCode.CONSUMER_SEND_MSG_BACK)
        return Promise.resolve(createResponse(ResponseCode.SYSTEM_ERROR, {}, 'levels and no reasons'));
      return undefined;
    };
  });
  afterEach(async () => {
    world.intercept = () => undefined;
    await world.stop();
  });

  it('rounds the time of a delay up to what the broker keeps, which would deliver early', async () => {
    const client = await world.client();
    pretend(client, TIMERS);
    const deliverAt = world.clock.now() + 1_234;
    await world.drive(client.producer.send(text('t', 'x', { delay: { deliverAt } })));
    const told = Number(getProperty(sent[0]!, PropertyName.TIMER_DELIVER_MS));
    expect(told % 1000).toBe(0);
    expect(told - deliverAt).toBeGreaterThanOrEqual(0);
    expect(told - deliverAt).toBeLessThan(1000);
  });

  it('refuses a delay that the broker cannot keep, naming its setting', async () => {
    const client = await world.client();
    const delayed = (millis: number) => text('t', 'x', { delay: { deliverAt: world.clock.now() + millis } });
    pretend(client, TIMERS);
    await expect(world.drive(client.producer.send(delayed(3 * DAY + 1)))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('timerMaxDelaySec'),
    });
    pretend(client, LEVELS);
    await expect(world.drive(client.producer.send(delayed(1_000)))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('level'),
    });
    expect(sent).toEqual([]);
    const byLevel = await world.drive(client.producer.send(text('t', 'x', { delay: { level: 1 } })));
    expect(byLevel.status).toBe('SEND_OK');
  });

  it('sends a retry to the retry topic, at its time and with where it came from', async () => {
    const client = await world.client();
    pretend(client, TIMERS);
    const handle = ({ attempt }: { attempt: number }) => (attempt === 1 ? retry(undefined, 5_000) : ACK);
    const { seen } = await world.consume(client, { group: 'g' }, { topic: 't', handle });
    const { queueId, queueOffset } = await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => sent.length === 1, 60_000);
    expect(Number(getProperty(sent[0]!, PropertyName.TIMER_DELIVER_MS))).toBeGreaterThanOrEqual(seen[0]!.at + 5_000);
    expect(getProperty(sent[0]!, PropertyName.RETRY_TOPIC)).toBe('t');
    expect(getProperty(sent[0]!, ExtensionProperty.ORIGIN_QUEUE_ID)).toBe(`${queueId}`);
    expect(getProperty(sent[0]!, ExtensionProperty.ORIGIN_QUEUE_OFFSET)).toBe(`${queueOffset}`);
  });

  it('keeps what is postponed by itself: nothing is sent, and no position passes it', async () => {
    const client = await world.client();
    pretend(client, TIMERS);
    let left = 2;
    const { seen, consumer } = await world.consume(
      client,
      { group: 'g' },
      {
        topic: 't',
        handle: () => (left-- > 0 ? decide('handler', new PostponeError(5000), () => undefined) : ACK),
      },
    );
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => seen.length === 2);
    sent.splice(0);
    const settled = (): number =>
      consumer
        .state()
        .queues.filter(({ topic }) => topic === 't')
        .reduce((sum, { committedOffset }) => sum + committedOffset, 0);
    expect(settled()).toBe(0);
    await world.until(() => seen.length === 3);
    await world.clock.advance(10);
    expect([settled(), seen.map(({ attempt }) => attempt), sent]).toEqual([1, [1, 1, 1], []]);
  });

  it('takes the level that is next from above where the broker knows no times', async () => {
    const client = await world.client();
    pretend(client, LEVELS);
    await world.consume(client, { group: 'g' }, { topic: 't', handle: () => retry(undefined, 31_000) });
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => sent.length === 1, 60_000);
    expect(getProperty(sent[0]!, PropertyName.DELAY_TIME_LEVEL)).toBe('5');
    expect(getProperty(sent[0]!, PropertyName.TIMER_DELIVER_MS)).toBeUndefined();
  });

  it('sends the reason along with what becomes a dead letter', async () => {
    const client = await world.client();
    pretend(client, TIMERS);
    const handle = () => retry(new TypeError('no such customer'));
    await world.consume(client, { group: 'g', maxReconsumeTimes: 0 }, { topic: 't', handle });
    await world.drive(client.producer.send(text('t', 'x')));
    await world.until(() => sent.length === 1, 60_000);
    const shown = (name: string) => getProperty(sent[0]!, name);
    expect(shown(ExtensionProperty.DLQ_ERROR_CLASS)).toBe('TypeError');
    expect(shown(ExtensionProperty.DLQ_ERROR_MESSAGE)).toBe('no such customer');
    expect(shown(ExtensionProperty.DLQ_ATTEMPTS)).toBe('1');
    expect(shown(ExtensionProperty.DLQ_TOPIC)).toBe('t');
  });

  it.each([
    { what: 'more than three days', profile: TIMERS, backoff: [3 * DAY + 1], setting: 'timerMaxDelaySec' },
    { what: 'no level', profile: LEVELS, backoff: [1_000, 1_500], setting: 'RocketMQ from 5.0 on' },
  ])('refuses a backoff of $what at boot', async ({ profile, backoff, setting }) => {
    const client = await world.client();
    pretend(client, profile);
    const consumer = client.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    consumer.add({ name: 'l', topic: 't', backoff, handle: () => undefined });
    await expect(world.drive(consumer.register())).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining(setting),
    });
    await world.drive(consumer.stop(1_000));
  });

  it('knows after a rest that a topic is younger than its group', async () => {
    const first = await world.client();
    pretend(first, TIMERS);
    const before = first.consumer({ group: 'g', mode: ConsumeMode.CONCURRENT });
    before.add({ name: 'l', topic: 'later', handle: () => undefined });
    await world.drive(before.register());
    await world.drive(before.stop(1_000));
    const other = await world.client();
    await world.drive(other.producer.send(text('later', 'x')));
    const again = await world.client();
    pretend(again, TIMERS);
    const { seen } = await world.consume(again, { group: 'g' }, { topic: 'later' });
    await world.until(() => seen.length === 1, 60_000);
  });

  it('begins at its date also in a topic that its NameServer learns of late', async () => {
    const sender = await world.client();
    await world.drive(sender.producer.send(text('t', 'old')));
    await world.clock.advance(1_000);
    const from = new Date(world.clock.now());
    await world.clock.advance(1_000);
    await world.drive(sender.producer.send(text('t', 'new')));
    let isKnown = false;
    let stored: number | undefined;
    world.intercept = ({ code, header }) => {
      if (code === RequestCode.GET_ROUTEINFO_BY_TOPIC && !isKnown)
        return Promise.resolve(createResponse(ResponseCode.TOPIC_NOT_EXIST, {}));
      const { topic, commitOffset, setZeroIfNotFound } = header as UpdateConsumerOffsetRequestHeader &
        QueryConsumerOffsetRequestHeader;
      if (topic !== 't') return undefined;
      if (code === RequestCode.UPDATE_CONSUMER_OFFSET) stored = commitOffset;
      if (code !== RequestCode.QUERY_CONSUMER_OFFSET) return undefined;
      const offset = stored ?? (setZeroIfNotFound === false ? undefined : 0);
      return Promise.resolve(
        offset === undefined
          ? createResponse(ResponseCode.QUERY_NOT_FOUND, {})
          : createResponse(ResponseCode.SUCCESS, { offset }),
      );
    };
    const client = await world.client();
    pretend(client, TIMERS);
    const { seen } = await world.consume(client, { group: 'g', from }, { topic: 't' });
    expect(stored).toBeUndefined();
    isKnown = true;
    await world.until(() => seen.length > 0, 60_000);
    await world.clock.advance(10_000);
    expect(seen.map(({ body }) => body)).toEqual(['new']);
  });
});
