import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createResponse, MessagingError, RequestCode, ResponseCode } from '../../../lib/protocol/index.js';
import { World } from '../support.js';

describe('admin.cluster', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ name: 'broker-a', cluster: 'shop' });
  });
  afterEach(() => world.stop());

  const BROKER = { cluster: 'shop', brokerName: 'broker-a', brokerId: 0, address: 'in-process' };

  it('says which brokers there are, and since when', async () => {
    const startedAt = new Date(world.clock.now());
    await world.clock.advance(5_000);
    const client = await world.client();
    expect(await client.admin.cluster.brokers()).toEqual([
      { ...BROKER, up: true, version: 'V5_3_3', startedAt, error: undefined },
    ]);
  });

  it('says of a broker that does not answer why, and of one that goes away as well', async () => {
    const client = await world.client();
    const away = new MessagingError('CONNECT_FAILED', 'nobody listens there');
    world.intercept = ({ code }) => (code === RequestCode.GET_BROKER_RUNTIME_INFO ? Promise.reject(away) : undefined);
    expect(await client.admin.cluster.brokers()).toEqual([
      { ...BROKER, up: false, version: undefined, startedAt: undefined, error: away },
    ]);
    world.intercept = ({ code }) =>
      code === RequestCode.GET_BROKER_RUNTIME_INFO
        ? Promise.resolve(createResponse(ResponseCode.GO_AWAY, {}, 'going'))
        : undefined;
    expect(await client.admin.cluster.brokers()).toMatchObject([{ up: false, error: { code: 'SHUTTING_DOWN' } }]);
  });

  it('tells nothing of brokers when the client has ended', async () => {
    const client = await world.client();
    await world.drive(client.shutdown(0));
    await expect(client.admin.cluster.brokers()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
