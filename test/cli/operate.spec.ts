import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConsumeMode, MessagingClient } from '../../lib/client/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { TcpConnector } from '../../lib/remoting/index.js';
import { type CommandProcess, Commands, type Ended } from './command.js';
import { runInside } from './inside.js';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ID = /^[0-9A-F]{32}$/;

/** One broker as a process; most commands run inside this one, some as processes as well. */
describe('operating a broker', () => {
  const commands = new Commands();
  const platform = systemPlatform({ logger: silentLogger });
  let broker: CommandProcess;
  let address = '';
  let client: MessagingClient;
  let garbage: Server;

  beforeAll(async () => {
    broker = commands.start(['broker', '--memory', '--port', '0', '--name', 'broker-a', '--cluster', 'shop']);
    address = await broker.address();
    client = new MessagingClient(
      { application: 'worker', nameServers: [address], connector: new TcpConnector({}, platform.clock) },
      platform,
    );
    await client.start();
    garbage = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => garbage.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    garbage.close();
    await client.shutdown(1_000);
    await commands.cleanUp();
  });

  const run = (...args: string[]): Promise<Ended> => runInside(args, { NESTMQ_NAME_SERVER: address });
  /** The text of a command that has to succeed. */
  const text = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const json = async (...args: string[]): Promise<unknown> => JSON.parse(await text(...args, '--json'));
  /** The error of a command that has to fail. */
  const failure = async (...args: string[]): Promise<{ code: number | string; error: unknown }> => {
    const { code, stdout, stderr } = await run(...args, '--json');
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^[^\n]+\n$/);
    return { code, ...(JSON.parse(stderr) as { error: unknown }) };
  };

  it('makes, lists, shows, widens, closes and deletes topics', async () => {
    expect(await json('topic', 'create', 'stock', '--queues', '2')).toEqual({
      topic: 'stock',
      messages: 0,
      orderedQueues: 2,
      writable: true,
      queues: [0, 1].map((queue) => ({
        broker: 'broker-a',
        queue,
        minOffset: 0,
        maxOffset: 0,
        messages: 0,
        lastStoredAt: null,
      })),
    });
    expect(await text('topic', 'list')).toBe('TOPIC\nstock\n');
    expect(await json('topic', 'list')).toEqual({ topics: ['stock'] });
    expect(await json('topic', 'list', '--all')).toEqual({
      topics: expect.arrayContaining(['stock', 'TRANS_CHECK_MAX_TIME_TOPIC']),
    });
    await text('message', 'send', 'stock', 'apples', '--order-by', 'a');
    expect(await json('topic', 'stats', 'stock')).toMatchObject({
      messages: 1,
      queues: expect.arrayContaining([
        expect.objectContaining({ messages: 1, lastStoredAt: expect.stringMatching(ISO) }),
      ]),
    });
    expect(await json('topic', 'update', 'stock', '--queues', '3')).toMatchObject({
      orderedQueues: 2,
      queues: { length: 3 },
    });
    expect(await json('topic', 'update', 'stock', '--queues', '3', '--keys', '--wait', '5s')).toMatchObject({
      orderedQueues: 3,
    });
    expect(await text('topic', 'update', 'stock', '--access', 'read')).toContain(
      '1 messages in 3 queues, keys over 3 of them; it takes no messages',
    );
    expect(await failure('message', 'send', 'stock', 'pears', '--timeout', '200ms')).toMatchObject({ code: 1 });
    expect(await json('topic', 'delete', 'stock')).toEqual({ topic: 'stock', deleted: true });
    expect(await failure('topic', 'delete', 'stock')).toMatchObject({ code: 1, error: { code: 'TOPIC_NOT_FOUND' } });
    await text('topic', 'delete', 'stock', '--if-exists');
    expect(await text('topic', 'list')).toBe('There are no topics.\n');
  });

  it('sends messages, and finds them by id, key and time', async () => {
    const sent = (await json(
      ...['message', 'send', 'orders:paid', '{"id":1}', '--key', 'o-1', '--key', 'c-7', '--property', 'till=4=5'],
    )) as Record<string, string>;
    expect(sent).toEqual({
      status: 'SEND_OK',
      messageId: expect.stringMatching(ID),
      offsetMessageId: expect.stringMatching(ID),
      topic: 'orders',
      broker: 'broker-a',
      queue: expect.any(Number),
      offset: 0,
    });
    const message = {
      messageId: sent['messageId'],
      offsetMessageId: sent['offsetMessageId'],
      topic: 'orders',
      tag: 'paid',
      keys: ['o-1', 'c-7'],
      properties: { till: '4=5' },
      broker: 'broker-a',
      queue: sent['queue'],
      offset: 0,
      bornAt: expect.stringMatching(ISO),
      storedAt: expect.stringMatching(ISO),
      bodySize: 8,
      body: '{"id":1}',
      bodyEncoding: 'utf8',
    };
    expect(await json('message', 'get', sent['messageId']!, '--topic', 'orders')).toEqual({ message });
    expect(await json('message', 'get', sent['offsetMessageId']!)).toEqual({ message });
    expect(await json('message', 'find', 'orders', '--key', 'c-7')).toEqual({ messages: [message] });
    expect(await json('message', 'find', 'orders', '--from', '1h', '--max', '5')).toEqual({ messages: [message] });
    expect(await json('message', 'find', 'orders', '--to', '2020-01-01T00:00Z')).toEqual({ messages: [] });
    expect(await text('message', 'get', sent['messageId']!, '--topic', 'orders')).toMatch(
      /^messageId {8}[0-9A-F]{32}\n[^]*tag {14}paid\n[^]*keys {13}o-1 c-7\nproperties {7}till=4=5\n\n\{"id":1\}\n$/,
    );
    expect(await failure('message', 'get', 'F'.repeat(32), '--topic', 'orders')).toMatchObject({
      code: 1,
      error: { code: 'NOT_FOUND', retryable: false },
    });
    expect(await failure('message', 'find', 'nowhere')).toMatchObject({
      error: {
        code: 'TOPIC_NOT_FOUND',
        message: 'There is no topic nowhere; `nestmq topic list` names those that are',
      },
    });
  });

  it('takes bodies from files and from stdin, and gives bytes back as they are', async () => {
    const folder = await commands.folder();
    const bytes = Buffer.from([0, 255, 10, 27, 91]);
    await writeFile(join(folder, 'body.bin'), bytes);
    const { messageId } = (await json('message', 'send', 'files', '--file', join(folder, 'body.bin'))) as {
      messageId: string;
    };
    expect(await json('message', 'get', messageId, '--topic', 'files')).toMatchObject({
      message: { body: bytes.toString('base64'), bodyEncoding: 'base64' },
    });
    const env = { NESTMQ_NAME_SERVER: address };
    const raw = commands.start(['message', 'get', messageId, '--topic', 'files', '--raw'], { env });
    const chunks: Buffer[] = [];
    raw.child
      .stdout!.removeAllListeners('data')
      .on('data', (chunk: string) => chunks.push(Buffer.from(chunk, 'latin1')));
    raw.child.stdout!.setEncoding('latin1');
    expect((await raw.ended).code).toBe(0);
    expect(Buffer.concat(chunks)).toEqual(bytes);

    const piped = await commands.run(['message', 'send', 'files', '--json'], { env, input: 'from stdin\n' });
    expect([piped.code, piped.stderr]).toEqual([0, '']);
    const { messageId: second } = JSON.parse(piped.stdout) as { messageId: string };
    expect(await json('message', 'get', second, '--topic', 'files')).toMatchObject({ message: { body: 'from stdin' } });
  });

  it('delivers later what is sent with a delay, and shows no control characters of others', async () => {
    await text('message', 'send', 'later', 'x\u001b[2J\u0007', '--delay', '50ms');
    for (;;) {
      const stdout = await text('message', 'find', 'later').catch(() => '');
      if (stdout.includes('\ufffd[2J\ufffd')) break;
      expect(stdout).not.toContain('\u001b');
    }
  });

  it('shows groups and how far they are, and moves them', async () => {
    await text('topic', 'create', 'bills', '--queues', '1');
    const seen: string[] = [];
    const consumer = client.consumer({ group: 'printer', mode: ConsumeMode.CONCURRENT, from: 'earliest' });
    consumer.add({ name: 'l', topic: 'bills', handle: (message) => void seen.push(message.text()) });
    await consumer.register();
    await text('message', 'send', 'bills', 'first');
    expect(await json('group', 'lag', 'printer', '--topic', 'bills')).toEqual({
      group: 'printer',
      lag: 1,
      oldestAgeMillis: expect.any(Number),
      members: [client.clientId],
      queues: [
        {
          topic: 'bills',
          broker: 'broker-a',
          queue: 0,
          position: 0,
          end: 1,
          lag: 1,
          oldestAgeMillis: expect.any(Number),
        },
      ],
    });
    expect(await text('group', 'lag', 'printer')).toMatch(/printer: 1 messages behind; 1 members: /);
    expect(await json('group', 'reset-offset', 'printer', 'bills', '--to', 'latest')).toEqual({
      group: 'printer',
      topic: 'bills',
      queues: [{ broker: 'broker-a', queue: 0, offset: 1 }],
    });
    expect(await json('group', 'reset-offset', 'printer', 'bills', '--to', '0', '--queue', '0')).toMatchObject({
      queues: [{ offset: 0 }],
    });
    expect(await json('group', 'reset-offset', 'printer', 'bills', '--to', '1m')).toMatchObject({
      queues: [{ offset: 0 }],
    });
    expect(await json('group', 'list')).toEqual({
      groups: expect.arrayContaining([{ group: 'printer', members: [client.clientId], topics: ['bills'], lag: 1 }]),
    });
    expect(await failure('group', 'lag', 'nobody')).toMatchObject({ code: 1, error: { code: 'GROUP_NOT_FOUND' } });
  });

  it('lists dead letters, and sends them again', async () => {
    let broken = true;
    const handled: string[] = [];
    const consumer = client.consumer({ group: 'billing', mode: ConsumeMode.CONCURRENT, from: 'earliest' });
    consumer.add({
      name: 'l',
      topic: 'invoices',
      handle: (message) => {
        if (broken) return { kind: 'dead-letter', error: new TypeError(`no such field`) };
        handled.push(message.text());
      },
    });
    await consumer.register();
    await consumer.start();
    expect(await json('dlq', 'list', 'billing')).toEqual({ group: 'billing', letters: [], cursor: null });
    for (const body of ['one', 'two', 'three']) await text('message', 'send', 'invoices:new', body);
    while (!(await text('dlq', 'list')).includes('billing     3     3'));
    expect(await json('dlq', 'list')).toEqual({ groups: [{ group: 'billing', kept: 3, open: 3 }] });
    const page = (await json('dlq', 'list', 'billing', '--order', 'oldest', '--limit', '1', '--tag', 'new')) as {
      letters: { id: string }[];
      cursor: string;
    };
    expect(page).toMatchObject({
      group: 'billing',
      letters: [
        {
          id: expect.stringMatching(/^broker-a:0:0$/),
          group: 'billing',
          state: 'open',
          errorClass: 'TypeError',
          reason: 'no such field',
          attempts: 1,
          firstFailedAt: expect.stringMatching(ISO),
          lastFailedAt: expect.stringMatching(ISO),
          origin: { topic: 'invoices', queue: expect.any(Number), offset: expect.any(Number) },
          message: { topic: 'invoices', tag: 'new', bodyEncoding: 'utf8' },
        },
      ],
      cursor: 'broker-a:0:1',
    });
    broken = false;
    expect(await json('dlq', 'resend', 'billing', page.letters[0]!.id)).toEqual({
      group: 'billing',
      resent: 1,
      failed: 0,
      complete: true,
      letters: [
        { id: 'broker-a:0:0', result: 'resent', messageId: expect.stringMatching(ID), marked: true, error: null },
      ],
    });
    const gone = await run('dlq', 'resend', 'billing', 'broker-a:0:77');
    expect(gone).toMatchObject({ code: 1, stderr: '', stdout: expect.stringMatching(/broker-a:0:77 {2}gone/) });
    expect(await text('dlq', 'resend', 'billing', '--all', '--error-class', 'TypeError')).toContain(
      '2 resent to billing',
    );
    while (handled.length < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(handled.toSorted()).toEqual(['one', 'three', 'two']);
    expect(await json('dlq', 'list', 'billing')).toMatchObject({ letters: [] });
    await consumer.stop(1_000);
  });

  it('shows the brokers, and fails when the one that is asked for is not there', async () => {
    expect(await json('cluster', '--broker', 'broker-a')).toEqual({
      brokers: [
        {
          cluster: 'shop',
          broker: 'broker-a',
          id: 0,
          address,
          up: true,
          version: 'V5_3_3',
          startedAt: expect.stringMatching(ISO),
          error: null,
        },
      ],
    });
    expect(await text('cluster')).toMatch(
      /^CLUSTER +BROKER +ID +ADDRESS +STATE[^]*\nshop +broker-a +0 +127\.0\.0\.1:\d+ +up /,
    );
    expect(await failure('cluster', '--broker', 'broker-b')).toMatchObject({ code: 1, error: { code: 'NOT_FOUND' } });
  });

  it('says who does not answer, and how to mend it', async () => {
    const alone = await commands.run(['topic', 'list', '--name-server', '127.0.0.1:1']);
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(alone.stderr).toMatch(
      /^nestmq: No NameServer answers \(127\.0\.0\.1:1\).*nestmq broker.*--name-server.*\n$/,
    );
    const { port } = garbage.address() as AddressInfo;
    const web = await run('cluster', '--name-server', `127.0.0.1:${port}`);
    expect(web).toMatchObject({ code: 1, stderr: expect.stringMatching(/HTTP/) });
    const report = await failure('topic', 'list', '--name-server', '127.0.0.1:1', '--timeout', '100');
    expect(report).toMatchObject({ code: 1, error: { code: 'CONNECT_FAILED', retryable: true } });
  });

  it.each([
    ['an unknown command', ['topic', 'lst'], /unknown command 'lst'\n\(Did you mean list\?\)/],
    ['an unknown flag', ['topic', 'list', '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    ['a missing argument', ['topic', 'create'], /missing required argument 'topic'/],
    ['an address that is none', ['topic', 'list', '--name-server', 'here'], /--name-server: "here" is not an address/],
    ['no time', ['topic', 'list', '--timeout', '0'], /more than 0/],
    ['a topic that nothing changes', ['topic', 'update', 't'], /--queues or --access/],
    ['keys without queues', ['topic', 'update', 't', '--access', 'read', '--keys'], /--keys goes with --queues/],
    ['waiting without keys', ['topic', 'update', 't', '--queues', '9', '--wait', '1s'], /go with --keys/],
    ['a place that is none', ['group', 'reset-offset', 'g', 't', '--to', 'soon'], /2026-01-31/],
    ['no place', ['group', 'reset-offset', 'g', 't'], /--to earliest/],
    ['an offset of no queue', ['group', 'reset-offset', 'g', 't', '--to', '7'], /--queue/],
    ['two bodies', ['message', 'send', 't', 'x', '--file', 'y'], /given twice/],
    ['a file that is not there', ['message', 'send', 't', '--file', 'nowhere'], /nowhere cannot be read/],
    ['a property that is none', ['message', 'send', 't', 'x', '--property', 'y'], /name=value/],
    ['a level that is none', ['message', 'send', 't', 'x', '--delay', 'level:19'], /level:18/],
    ['raw JSON', ['message', 'get', 'x', '--raw'], /exclude each other/],
    ['filters without a group', ['dlq', 'list', '--tag', 'x'], /name the group/],
    ['letters and all of them', ['dlq', 'resend', 'g', 'b:0:1', '--all'], /not both/],
    ['no letters', ['dlq', 'resend', 'g'], /ids, or say --all/],
    ['a filter of named letters', ['dlq', 'resend', 'g', 'b:0:1', '--tag', 'x'], /--tag goes with --all/],
  ])('refuses %s, in JSON as well', async (_, args, message) => {
    const { code, error } = await failure(...args);
    expect(code).toBe(2);
    expect(error).toEqual({ code: 'USAGE', message: expect.stringMatching(message), retryable: false });
  });

  it('shows what there is to whoever names no command', async () => {
    for (const args of [[], ['topic']])
      expect(await run(...args)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/^Usage: nestmq/),
      });
  });

  it('explains every command in its help', async () => {
    const { stdout } = await run('--help');
    const subjects = [...stdout.matchAll(/^ {2}(\w+)(?: \[options\]| \[command\])? {2,}\S/gm)].map(
      (match) => match[1]!,
    );
    expect(subjects).toEqual(expect.arrayContaining(['broker', 'topic', 'group', 'message', 'dlq', 'cluster']));
    for (const [subject, names] of [
      ['topic', ['list', 'create', 'update', 'delete', 'stats']],
      ['group', ['list', 'lag', 'reset-offset']],
      ['message', ['send', 'get', 'find']],
      ['dlq', ['list', 'resend']],
    ] as const) {
      const help = (await run(subject, '--help')).stdout;
      for (const name of names) {
        expect(help).toMatch(new RegExp(`^ {2}${name} `, 'm'));
        expect((await run(subject, name, '--help')).stdout).toMatch(
          /--name-server <host:port>[^]*--timeout <time>[^]*--json/,
        );
      }
    }
  });

  it('works in a namespace as applications do', async () => {
    const inside = ['--namespace', 'branch'];
    await text('topic', 'create', 'sales', '--queues', '1', ...inside);
    expect(await json('topic', 'list', ...inside)).toEqual({ topics: ['sales'] });
    expect(await json('topic', 'list')).toEqual({ topics: expect.arrayContaining(['branch%sales']) });
  });

  it('is the version of the package', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await commands.run(['--version'])).toEqual({ code: 0, stdout: `nestmq ${version}\n`, stderr: '' });
  });
});
