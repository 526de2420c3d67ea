import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplication, Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MessageListener, MessagingTemplate } from '../../lib/index.js';
import { MessagingConnections } from '../../lib/nest/connection/index.js';
import { closeApplications, startApplication } from './support/application.js';
import { until } from './support/until.js';

const directories: string[] = [];
afterEach(async () => {
  await closeApplications();
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

@Injectable()
class Listener {
  readonly received: unknown[] = [];
  @MessageListener({ topic: 'x', group: 'g', from: 'earliest' })
  handle(payload: unknown): void {
    this.received.push(payload);
  }
}

async function storeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nestmq-nest-'));
  directories.push(directory);
  return join(directory, 'store');
}

function addressOf(app: INestApplication): string {
  const connection = app.get(MessagingConnections).get('default', 'test') as unknown as {
    broker: { host: { address: string } };
  };
  return connection.broker.host.address;
}

describe('where the broker is', () => {
  it('inside, on disk: messages outlive the application', async () => {
    const messaging = { broker: { store: await storeDirectory() } };
    const first = await startApplication({ messaging: { ...messaging, autoStart: false }, providers: [Listener] });
    await first.get(MessagingTemplate).syncSend('x', 'kept');
    await first.close();
    const second = await startApplication({ messaging, providers: [Listener] });
    await until(() => second.get(Listener).received.length === 1, 'the message of the first application');
    await second.close();
    const third = await startApplication({ messaging, providers: [Listener] });
    await third.get(MessagingTemplate).syncSend('x', 'new');
    await until(() => third.get(Listener).received.length >= 1, 'the new message');
    expect(third.get(Listener).received).toEqual(['new']);
  });

  it('inside: two applications on one store are a typed error of the second', async () => {
    const messaging = { broker: { store: await storeDirectory() } };
    await startApplication({ messaging });
    await expect(startApplication({ messaging })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });

  it('elsewhere: applications meet at the broker that one of them has inside', async () => {
    const host = await startApplication({ messaging: { broker: { memory: true, listen: 0 } } });
    const nameServer = addressOf(host);
    const guest = await startApplication({ messaging: { nameServer, broker: undefined }, providers: [Listener] });
    await host.get(MessagingTemplate).syncSend('x', 'from the host');
    await guest.get(MessagingTemplate).syncSend('x', 'from the guest');
    const { received } = guest.get(Listener);
    await until(() => received.length === 2, 'both messages');
    expect(new Set(received)).toEqual(new Set(['from the host', 'from the guest']));
    await guest.close();
  });

  it('elsewhere, but nobody there: a typed error at boot', async () => {
    const starting = startApplication({
      messaging: { nameServer: '127.0.0.1:1', broker: undefined },
      providers: [Listener],
    });
    await expect(starting).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  });
});
