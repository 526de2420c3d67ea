/** @publicApi */
export type RedisValue = string | number | Buffer;

/**
 * How the store knows a client: `Redis` (standalone and Sentinel) and `Cluster` of ioredis 5 and 6 are such. Named here
 * member by member, so that the types of this package do not ask for ioredis.
 *
 * @publicApi
 */
export interface RedisClient {
  /** `ready` when commands are sent at once. */
  readonly status: string;
  readonly isCluster: boolean;
  evalsha(sha1: string, keyCount: number, ...keysAndArguments: RedisValue[]): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArguments: RedisValue[]): Promise<unknown>;
  pipeline(): { exec(): Promise<RedisReplies | null> };
}

type RedisReplies = [error: Error | null, result: unknown][];

/**
 * The commands that answer texts as bytes. Every client has them but ioredis' types do not name them (they name
 * `callBuffer`, which loses its first word under `enableAutoPipelining`).
 */
export interface ByteClient extends ByteCommands<Promise<unknown>> {
  readonly status: string;
  readonly isCluster: boolean;
  pipeline(): ByteCommands<unknown> & { exec(): Promise<RedisReplies | null> };
}

interface ByteCommands<Result> {
  evalBuffer(script: string, keyCount: number, ...keysAndArguments: RedisValue[]): Result;
  evalshaBuffer(sha1: string, keyCount: number, ...keysAndArguments: RedisValue[]): Result;
}

export function asByteClient(client: unknown): ByteClient | undefined {
  const given = client as Partial<ByteClient> | null | undefined;
  const methods = ['evalBuffer', 'evalshaBuffer', 'pipeline'] as const;
  if (given === null || given === undefined || !methods.every((name) => typeof given[name] === 'function'))
    return undefined;
  return given as ByteClient;
}
