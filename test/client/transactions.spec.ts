import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import {
  createRequest,
  encodeProperties,
  encodeRecord,
  type RecordFields,
  type RemotingCommand,
  recordSizeOf,
  RequestCode,
} from '../../lib/protocol/index.js';
import type { Channel } from '../../lib/remoting/index.js';
import {
  type MessagingClient,
  type ReceivedMessage,
  type TransactionBinding,
  type TransactionSendResult,
  TransactionState,
} from '../../lib/client/index.js';
import { bodies, gate, text, World } from './support.js';

const { COMMIT, ROLLBACK, UNKNOWN } = TransactionState;
const GROUP = 'test-create';

/** The application's database: what `execute` has stored outlives every process. */
class Database {
  readonly rows = new Set<string>();
  readonly log: string[] = [];

  /** The listener of one process. */
  binding(process: string, more: Partial<TransactionBinding> = {}): TransactionBinding {
    return {
      execute: (message) => {
        this.log.push(`${process} executes ${message.text()}`);
        this.rows.add(message.messageId);
        return COMMIT;
      },
      check: (message) => {
        this.log.push(`${process} checks ${message.text()}`);
        return this.rows.has(message.messageId) ? COMMIT : ROLLBACK;
      },
      ...more,
    };
  }
}

/** A half message as a broker asks about it. */
function record(producerGroup: string): Buffer {
  const fields: RecordFields = {
    topic: 'orders',
    queueId: 0,
    flag: 0,
    queueOffset: 3,
    physicalOffset: 100,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: '127.0.0.1:1',
    storeTimestamp: 1,
    storeHost: '127.0.0.1:9876',
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    properties: encodeProperties([
      ['UNIQ_KEY', 'A1'],
      ['PGROUP', producerGroup],
    ]),
    body: Buffer.from('order'),
  };
  const bytes = Buffer.alloc(recordSizeOf(fields));
  encodeRecord(bytes, 0, fields);
  return bytes;
}

describe('transactions of a client', () => {
  let world: World;
  let database: Database;

  const member = async (name: string, more: Partial<TransactionBinding> = {}): Promise<MessagingClient> => {
    const client = await world.client();
    await world.drive(client.transactions.register(GROUP, database.binding(name, more)));
    return client;
  };
  const send = (client: MessagingClient, body = 'order'): Promise<TransactionSendResult> =>
    client.transactions.send(GROUP, text('orders', body, { tag: 'created', keys: ['k1'] }), undefined);
  const listen = async (): Promise<string[]> => {
    const { seen } = await world.consume(
      await world.client(),
      { group: 'billing', from: 'earliest' },
      { topic: 'orders' },
    );
    await world.clock.advance(1_000);
    return bodies(seen);
  };
  const openTransactions = (): number => world.host.health().broker.openTransactions;
  const ignore = (): undefined => undefined;
  /** Runs until the client's process dies in the middle of something. */
  const dieWhen = async (client: MessagingClient, sent: Promise<unknown>, condition: () => boolean): Promise<void> => {
    sent.catch(ignore);
    await world.until(condition);
    world.vanish(client);
  };

  beforeEach(async () => {
    world = await World.start({ memory: false, store: '/store' }, new MemoryFileSystem());
    database = new Database();
  });
  afterEach(() => world.stop());

  it.each([
    ['and another process is there', false],
    ['and broker and processes start anew', true],
  ])('a process that dies before its local transaction has happened has sent nothing: %s', async (_where, restart) => {
    const other = restart ? undefined : await member('other');
    let entered = false;
    const dying = await member('dying', {
      execute: () => {
        entered = true;
        return new Promise(ignore);
      },
    });
    await dieWhen(dying, send(dying), () => entered);
    if (restart) {
      await world.restart();
      await member('other');
    } else expect(other).toBeDefined();
    await world.clock.advance(45_000);
    expect(database.log).toEqual(['other checks order']);
    expect(await listen()).toEqual([]);
    expect(openTransactions()).toBe(0);
  });

  it.each([
    ['and another process is there', false],
    ['and broker and processes start anew', true],
  ])('one that dies between its local transaction and the outcome has sent it: %s', async (_where, restart) => {
    if (!restart) await member('other');
    const dying = await member('dying');
    let ending = false;
    world.intercept = (request: RemotingCommand) => {
      if (request.code !== RequestCode.END_TRANSACTION) return undefined;
      ending = true;
      return new Promise(ignore);
    };
    await dieWhen(dying, send(dying), () => ending);
    world.intercept = () => undefined;
    if (restart) {
      await world.restart();
      await member('other');
    }
    await world.clock.advance(45_000);
    expect(database.log).toEqual(['dying executes order', 'other checks order']);
    expect(await listen()).toEqual(['order']);
  });

  it('one that dies over a check leaves it to the others', async () => {
    let checking = false;
    const dying = await member('dying', {
      execute: () => UNKNOWN,
      check: () => {
        checking = true;
        return new Promise(ignore);
      },
    });
    const result = await world.drive(send(dying));
    database.rows.add(result.messageId);
    await world.until(() => checking);
    await member('other');
    world.vanish(dying);
    await world.clock.advance(31_000);
    expect(await listen()).toEqual(['order']);
  });

  it('an outcome that does not reach the broker is no error of the sender; the check tells', async () => {
    const client = await member('one');
    world.intercept = (request) =>
      request.code === RequestCode.END_TRANSACTION ? Promise.reject(new Error('the connection broke')) : undefined;
    expect(await world.drive(send(client))).toMatchObject({ transactionState: COMMIT });
    expect(world.warnings.some((line) => /its check will tell/.test(line))).toBe(true);
    await world.clock.advance(10_000);
    expect(database.log).toEqual(['one executes order', 'one checks order']);
    expect(await listen()).toEqual(['order']);
  });

  it('is not asked about what it is just executing: the check would not find it', async () => {
    const release = gate();
    let message: ReceivedMessage | undefined;
    const client = await member('one', {
      execute: async (sent) => {
        message = sent;
        await release.opened;
        database.rows.add(sent.messageId);
        return COMMIT;
      },
    });
    const sent = send(client);
    await world.until(() => message !== undefined);
    await world.clock.advance(20_000);
    expect(database.log).toEqual([]);
    release.open();
    expect(await world.drive(sent)).toMatchObject({ transactionState: COMMIT });
    expect(await listen()).toEqual(['order']);
    expect(message).toMatchObject({ topic: 'orders', tag: 'created', keys: ['k1'], attempt: 1 });
  });

  it('members of other groups are not asked', async () => {
    const client = await member('one', { execute: () => UNKNOWN });
    await world.drive(send(client));
    world.vanish(client);
    const stranger = await world.client();
    await world.drive(stranger.transactions.register('test-other', database.binding('stranger')));
    await world.clock.advance(60_000);
    expect(database.log).toEqual([]);
    expect(openTransactions()).toBe(1);
  });

  it('a check for a name that nobody has bound here is not answered, which is UNKNOWN', async () => {
    const client = await member('one');
    const answers: RemotingCommand[] = [];
    const channel = { remoteAddress: 'in-process', oneway: (answer) => void answers.push(answer) } as Channel;
    for (const group of ['test-gone', GROUP]) {
      const half = record(group);
      const header = { tranStateTableOffset: 3, commitLogOffset: group.length, msgId: 'A1' };
      client.transactions.check(createRequest(RequestCode.CHECK_TRANSACTION_STATE, header, half), channel);
    }
    await world.clock.settle();
    expect(answers.map(({ header }) => header)).toEqual([
      expect.objectContaining({ producerGroup: GROUP, msgId: 'A1', commitOrRollback: 12, fromTransactionCheck: true }),
    ]);
  });

  it('runs few checks at a time, each transaction once, and every one of them in the end', async () => {
    let running = 0;
    let most = 0;
    const checked: string[] = [];
    const client = await member('one', {
      execute: () => UNKNOWN,
      check: async (message) => {
        most = Math.max(most, ++running);
        checked.push(message.messageId);
        await world.clock.sleep(35_000);
        running--;
        return COMMIT;
      },
    });
    for (let at = 0; at < 100; at++) await world.drive(send(client, `${at}`));
    await world.clock.advance(200_000);
    expect(most).toBe(32);
    expect([checked.length, new Set(checked).size]).toEqual([100, 100]);
    expect(await listen()).toHaveLength(100);
  });

  it('a check that hangs does not silence the others for ever', async () => {
    let hanging = 32;
    const client = await member('one', {
      execute: () => UNKNOWN,
      check: (message) => {
        database.log.push(message.text());
        return hanging-- > 0 ? new Promise<never>(ignore) : COMMIT;
      },
    });
    for (let at = 0; at < 33; at++) await world.drive(send(client, `${at}`));
    await world.clock.advance(30_000);
    expect(database.log).toHaveLength(32);
    await world.clock.advance(60_000);
    expect(database.log).toHaveLength(33);
    expect(await listen()).toEqual([database.log[32]]);
  });

  it('shutting down waits for local transactions, and leaves checks to others from its beginning', async () => {
    const release = gate();
    let entered = false;
    const leaving = await member('leaving', {
      execute: async (message) => {
        entered = true;
        await release.opened;
        database.rows.add(message.messageId);
        return COMMIT;
      },
    });
    const waiting = await member('other', { execute: () => UNKNOWN, check: () => UNKNOWN });
    const sent = send(leaving);
    await world.until(() => entered);
    await world.drive(send(waiting, 'unknown'));
    const drained = leaving.transactions.drain(60_000).then(() => database.log.push('drained'));
    await world.clock.advance(40_000);
    expect(database.log.filter((line) => line.startsWith('leaving'))).toEqual([]);
    expect(database.log).not.toContain('drained');
    release.open();
    expect(await world.drive(sent)).toMatchObject({ transactionState: COMMIT });
    await world.drive(drained);
    expect(database.log).toContain('drained');
  });
});
