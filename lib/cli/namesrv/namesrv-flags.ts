import { parseDuration } from '../flags/values.js';
import { LISTEN_FLAGS } from '../serve/listen-flags.js';
import type { SettingFlag } from '../serve/server-settings.js';

export const NAMESRV_FLAGS: readonly SettingFlag[] = [
  ...LISTEN_FLAGS,
  {
    name: 'store',
    setting: 'store',
    value: 'dir',
    env: 'NESTMQ_STORE',
    help: 'folder of what administrators set down (kvConfig.json); default ./.nestmq-namesrv',
  },
  {
    name: 'memory',
    setting: 'memory',
    env: 'NESTMQ_MEMORY',
    help: 'keep that in memory: it is gone when the process ends',
  },
  {
    name: 'broker-expiry',
    setting: 'brokerExpiryMillis',
    value: 'time',
    parse: parseDuration,
    env: 'NESTMQ_BROKER_EXPIRY',
    help: 'a broker that is silent for so long is forgotten; default 120s',
  },
  {
    name: 'scan-interval',
    setting: 'scanMillis',
    value: 'time',
    parse: parseDuration,
    help: 'time between two looks for such brokers; default 10s',
  },
];
