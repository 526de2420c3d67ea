import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryFileSystem, SeededRandom, silentLogger, VirtualClock } from '../../lib/platform/index.js';
import {
  createRequest,
  decodeTopicRouteData,
  encodeConfigText,
  RequestCode,
  ResponseCode,
} from '../../lib/protocol/index.js';
import type { Channel } from '../../lib/remoting/index.js';
import { BrokerHost } from '../../lib/server/index.js';

describe('settings that change while a broker runs', () => {
  let host: BrokerHost;
  let tool: Channel;
  beforeEach(async () => {
    const platform = {
      clock: new VirtualClock(),
      fileSystem: new MemoryFileSystem(),
      random: new SeededRandom(1),
      logger: silentLogger,
    };
    host = await BrokerHost.start({ memory: true }, platform);
    tool = await host.connector.connect('');
  });
  afterEach(() => host.stop());

  const change = (name: string, value: string) =>
    tool.invoke(createRequest(RequestCode.UPDATE_BROKER_CONFIG, {}, encodeConfigText([[name, value]])), 1_000);
  const template = () => tool.invoke(createRequest(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: 'TBW102' }), 1_000);

  it('change what producers are told of topics that do not exist yet', async () => {
    await change('defaultTopicQueueNums', '7');
    expect(decodeTopicRouteData((await template()).body!).queueDatas[0]).toMatchObject({ writeQueueNums: 7, perm: 7 });
    await change('autoCreateTopicEnable', 'false');
    expect((await template()).code).toBe(ResponseCode.TOPIC_NOT_EXIST);
    await change('autoCreateTopicEnable', 'true');
    expect((await template()).code).toBe(0);
  });
});
