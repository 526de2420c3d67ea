import type { MessagingError } from '../../protocol/index.js';
import { storeFailure } from '../store-failure.js';

interface Advice {
  readonly help: string;
  /** Time does not mend it. */
  readonly lasting?: true;
}

/** By the first word of Redis' answer. */
const ADVICE: Readonly<Record<string, Advice>> = {
  OOM: { help: 'its memory is full: raise maxmemory, or let marks live shorter (`ttl`)' },
  READONLY: { help: 'this is a replica: let ioredis find the new master (Sentinel, Cluster, or `reconnectOnError`)' },
  MISCONF: { help: 'it cannot save to disk: see its log' },
  NOREPLICAS: { help: 'too few replicas are there (min-replicas-to-write)' },
  LOADING: { help: 'it is still loading its data' },
  CLUSTERDOWN: { help: 'the cluster does not serve all slots' },
  NOAUTH: { help: 'give the client a `password`', lasting: true },
  WRONGPASS: { help: 'correct `username` and `password`', lasting: true },
  NOPERM: { help: 'the account needs EVAL, EVALSHA, GET, SET, DEL, PTTL and PEXPIRE on the keys', lasting: true },
  WRONGTYPE: { help: 'others use these keys: choose another `prefix`', lasting: true },
  NOTOURS: { help: 'others use these keys: choose another `prefix`', lasting: true },
};

/** @param step what was asked, for example `acquire` */
export function redisFailure(step: string, cause: unknown): MessagingError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const advice = ADVICE[/^[A-Z]+/.exec(said)?.[0] ?? ''];
  const help = advice === undefined ? '' : `; ${advice.help}`;
  return storeFailure(`Redis failed at "${step}": ${said}${help}`, cause, advice?.lasting !== true);
}

export function redisAway(step: string, status: string): MessagingError {
  return storeFailure(`Redis is not connected (ioredis says "${status}"), so "${step}" was not asked`);
}

export function redisSilent(step: string, timeoutMillis: number): MessagingError {
  return storeFailure(`Redis did not answer "${step}" within ${timeoutMillis} ms (\`timeout\`); it may still do it`);
}
