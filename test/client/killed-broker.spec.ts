import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MessagingClient, type SendResult } from '../../lib/client/index.js';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import {
  createRequest,
  decodeRecords,
  ExtensionCode,
  type MessagingError,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import { type Channel, TcpConnector } from '../../lib/remoting/index.js';
import { pullHeader } from '../broker/harness.js';
import { freePort } from '../support/free-port.js';

const MAIN = fileURLToPath(new URL('./killed-broker.js', import.meta.url));
const IN_FLIGHT = 64;
/** Packs of a round, behind the last of which the broker is killed: while it is on its way, being written, or just answered. */
const PACKS_A_ROUND = 40;
/** With 0 in the same turn, so that this pack is not answered; later ones may all be, where this process has to wait for a processor. */
const KILLED_AFTER_MILLIS = [0, 1, 2];

/** One message from its send to its outcome. */
interface Sent {
  readonly body: string;
  result?: SendResult;
  error?: MessagingError;
  /** How often the broker was killed while it had no outcome. */
  kills: number;
}

const platform = systemPlatform({ logger: silentLogger });

describe('packs under way to a broker that is killed', () => {
  let folder: string;
  let port: number;
  let broker: ChildProcess;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestmq-killed-'));
    port = await freePort();
  });
  afterEach(async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(variant: string): Promise<void> {
    broker = fork(MAIN, [join(folder, 'store'), `${port}`, variant], { execArgv: [] });
    const ended = once(broker, 'exit').then(() => Promise.reject(new Error('the broker does not start')));
    await Promise.race([once(broker, 'message'), ended]);
    ended.catch(() => undefined);
  }

  async function kill(): Promise<void> {
    if (broker.exitCode !== null || broker.signalCode !== null) return;
    const gone = once(broker, 'exit');
    broker.kill('SIGKILL');
    await gone;
  }

  /** Keeps many sends open over all the deaths of the broker; `onPack` hears of each pack that is on its way. */
  async function sendThrough(retries: number, variant = ''): Promise<readonly Sent[]> {
    const sent: Sent[] = [];
    const open = new Set<Sent>();
    let onPack: () => void = () => undefined;
    const tcp = new TcpConnector({ connectTimeout: 500 }, platform.clock);
    const connector = {
      connect: async (address: string): Promise<Channel> => {
        const channel = await tcp.connect(address);
        const call = channel.call.bind(channel);
        channel.call = (request, timeoutMillis, asker) => {
          call(request, timeoutMillis, asker);
          if (request.code === ExtensionCode.SEND_PACK) onPack();
        };
        return channel;
      },
    };
    const options = { application: 'load', nameServers: [`127.0.0.1:${port}`], connector };
    await start(variant);
    const client = new MessagingClient(options, platform);
    await client.start();
    for (const after of KILLED_AFTER_MILLIS) {
      let packs = 0;
      let killed = false;
      let next: Promise<void> | undefined;
      onPack = () => {
        if (++packs === PACKS_A_ROUND) next = after === 0 ? replace() : platform.clock.sleep(after).then(replace);
      };
      const replace = async (): Promise<void> => {
        killed = true;
        for (const each of open) each.kills++;
        await kill();
        await start(variant);
      };
      const oneAfterAnother = async (): Promise<void> => {
        while (!killed) {
          const each: Sent = { body: `order ${sent.length}`, kills: 0 };
          sent.push(each);
          open.add(each);
          const message = { topic: 'orders', body: Buffer.from(each.body) };
          await client.producer.send(message, { retries, timeoutMillis: 60_000 }).then(
            (result) => (each.result = result),
            (error: MessagingError) => (each.error = error),
          );
          open.delete(each);
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, oneAfterAnother));
      await next;
    }
    await client.shutdown(1_000);
    return sent;
  }

  /** Bodies by their place in the queue, as a new connection reads them. */
  async function stored(): Promise<string[]> {
    const channel = await new TcpConnector({}, platform.clock).connect(`127.0.0.1:${port}`);
    const bodies: string[] = [];
    for (;;) {
      const header = pullHeader('reader', 'orders', 0, bodies.length, { sysFlag: 4, subscription: '*' });
      const { code, body } = await channel.invoke(createRequest(RequestCode.PULL_MESSAGE, header), 20_000);
      if (code !== ResponseCode.SUCCESS) break;
      for (const record of decodeRecords(body!)) bodies[record.queueOffset] = record.body.toString();
    }
    await channel.close();
    return bodies;
  }

  /** What was promised of them and is not so. */
  function faultsOf(sent: readonly Sent[], bodies: readonly string[], retries: number): string[] {
    const copies = new Map<string, number>();
    for (const body of bodies) copies.set(body, (copies.get(body) ?? 0) + 1);
    return sent.flatMap(({ body, result, error, kills }) => {
      const count = copies.get(body) ?? 0;
      const faults: string[] = [];
      if (result !== undefined && bodies[result.queueOffset] !== body)
        faults.push(`${body} was acknowledged at ${result.queueOffset}, there is ${bodies[result.queueOffset]}`);
      // Only what an earlier broker had stored when it died, without an answer, may be there beside what was acknowledged.
      if (count > (retries === 0 ? 1 : 1 + kills))
        faults.push(`${body} is there ${count} times, after ${kills} deaths`);
      if (error !== undefined && (!error.retryable || !/^(CHANNEL_CLOSED|CONNECT_FAILED)$/.test(error.code)))
        faults.push(`${body} failed without saying why: ${String(error)}`);
      return faults;
    });
  }

  it('are there as they were acknowledged, each message once, and the others fail with an error that says why', async () => {
    const sent = await sendThrough(0);
    const failed = sent.filter(({ error }) => error !== undefined);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.every(({ kills }) => kills > 0)).toBe(true);
    expect(sent.length - failed.length).toBeGreaterThan(PACKS_A_ROUND * KILLED_AFTER_MILLIS.length);
    expect(faultsOf(sent, await stored(), 0)).toEqual([]);
  }, 240_000);

  it('are sent again to the next one, and all are there', async () => {
    const sent = await sendThrough(12);
    expect(sent.filter(({ result }) => result === undefined)).toEqual([]);
    expect(sent.filter(({ kills }) => kills > 0).length).toBeGreaterThan(KILLED_AFTER_MILLIS.length);
    expect(faultsOf(sent, await stored(), 12)).toEqual([]);
  }, 240_000);

  it('are missed where the disk of the broker had not written what it said that it had', async () => {
    const sent = await sendThrough(0, 'forgetful');
    const faults = faultsOf(sent, await stored(), 0);
    expect(faults.filter((fault) => fault.includes('was acknowledged at')).length).toBeGreaterThan(0);
  }, 240_000);
});
