import { randomUUID } from 'node:crypto';
import { type Clock, SystemClock } from '../../platform/index.js';
import { type Duration, MessagingError, durationMillis } from '../../protocol/index.js';
import type { Claim, Claimed, Completed, Held, IdempotencyStore } from '../store.js';
import { type ByteClient, type RedisClient, asByteClient } from './redis-client.js';
import { type Call, ScriptRunner } from './script-runner.js';
import { ACQUIRE, COMPLETE, EXTEND, RELEASE, type Script, valueAtWork } from './scripts.js';
import { UnsettledTokens } from '../unsettled-tokens.js';

/** @publicApi */
export interface RedisIdempotencyOptions {
  /** What the keys begin with. Default: `nestmq:`. A hash tag in it puts all keys of a cluster on one node. */
  prefix?: string;
  /** How long an answer is waited for, as milliseconds or a text like `2s`. Default: 5 seconds. */
  timeout?: Duration;
}

const DEFAULT_PREFIX = 'nestmq:';
const DEFAULT_TIMEOUT_MILLIS = 5_000;
const OPTIONS: readonly string[] = ['prefix', 'timeout'];
const LETTER = { acquired: 65, conflict: 70, result: 82 } as const;

/**
 * Keeps the marks in Redis, one key a message, written by scripts that each run as one step; times are Redis' own. What Redis
 * loses, for example in a failover, is handled again: at least once.
 *
 * The client is the application's: it connects it and closes it. `Redis` and `Cluster` of ioredis 5 and 6 will do.
 *
 * Methods reject with `IDEMPOTENCY_STORE_FAILED` when Redis is away, silent for longer than `timeout`, or says no.
 *
 * @publicApi
 */
export class RedisIdempotencyStore implements IdempotencyStore {
  readonly name = 'redis';
  readonly shared = true;
  private readonly prefix: string;
  private readonly runner: ScriptRunner;
  private readonly unsettled = new UnsettledTokens();
  /** Tokens are this and a number: unique among all attempts of all processes, without a random number for each. */
  private readonly self = randomUUID();
  private attempts = 0;

  /** Throws BAD_ARGUMENT for what is no ioredis client, and CONFIGURATION for options that are unknown or senseless. */
  constructor(client: RedisClient, options: RedisIdempotencyOptions = {}, clock: Clock = new SystemClock()) {
    this.prefix = options.prefix ?? DEFAULT_PREFIX;
    this.runner = new ScriptRunner(checkedClient(client), checkedTimeout(options), clock);
  }

  async acquire(claims: readonly Claim[], leaseMillis: number): Promise<Claimed[]> {
    const lease = wholeMillis(leaseMillis);
    const tokens = claims.map(
      ({ key }) => this.unsettled.take(key) ?? `${this.self}.${(++this.attempts).toString(36)}`,
    );
    const calls = claims.map(({ key, fingerprint }, i): Call => {
      const token = tokens[i] as string;
      const call = [this.prefix + key, token, lease, valueAtWork(token, fingerprint)];
      return fingerprint === undefined ? call : [...call, fingerprint];
    });
    let answers: unknown[];
    try {
      answers = await this.run('acquire', ACQUIRE, calls);
    } catch (error) {
      for (let i = 0; i < claims.length; i++) this.unsettled.keep((claims[i] as Claim).key, tokens[i] as string);
      throw error;
    }
    return answers.map((answer, i) => claimed(answer, tokens[i] as string));
  }

  extend(held: readonly Held[], leaseMillis: number): Promise<boolean[]> {
    const lease = wholeMillis(leaseMillis);
    const calls = held.map(({ key, token }): Call => [this.prefix + key, token, lease]);
    return this.change('extend', EXTEND, calls);
  }

  complete(completed: readonly Completed[], ttlMillis: number): Promise<boolean[]> {
    const ttl = wholeMillis(ttlMillis);
    const calls = completed.map(({ key, token, result }): Call => {
      return [this.prefix + key, token, ttl, result === undefined ? 'C' : 'R', result ?? ''];
    });
    return this.change('complete', COMPLETE, calls);
  }

  release(held: readonly Held[]): Promise<boolean[]> {
    const calls = held.map(({ key, token }): Call => [this.prefix + key, token]);
    return this.change('release', RELEASE, calls);
  }

  private async change(step: string, script: Script, calls: readonly Call[]): Promise<boolean[]> {
    return (await this.run(step, script, calls)).map((answer) => answer === 1);
  }

  private run(step: string, script: Script, calls: readonly Call[]): Promise<unknown[]> {
    return calls.length === 0 ? Promise.resolve([]) : this.runner.run(step, script, calls);
  }
}

function claimed(answer: unknown, token: string): Claimed {
  if (typeof answer === 'number') return { outcome: 'busy', retryAfterMillis: Math.max(1, answer) };
  const bytes = answer as Buffer;
  switch (bytes[0]) {
    case LETTER.acquired:
      return { outcome: 'acquired', token };
    case LETTER.conflict:
      return { outcome: 'conflict' };
    case LETTER.result:
      // A copy: what ioredis gives is a view of all that came with it.
      return { outcome: 'completed', result: Buffer.from(bytes.subarray(1)) };
    default:
      return { outcome: 'completed', result: undefined };
  }
}

/** Redis takes whole milliseconds above 0 only. */
function wholeMillis(millis: number): number {
  return Math.max(1, Math.ceil(millis));
}

function checkedClient(client: RedisClient): ByteClient {
  const checked = asByteClient(client);
  if (checked !== undefined) return checked;
  const help = 'hand in a client of ioredis 5 or 6, for example `new Redis(url)`';
  throw new MessagingError('BAD_ARGUMENT', `RedisIdempotencyStore: the client is none of ioredis; ${help}`);
}

function checkedTimeout(options: RedisIdempotencyOptions): number {
  const refuse = (what: string) => new MessagingError('CONFIGURATION', `RedisIdempotencyStore: ${what}`);
  for (const name of Object.keys(options))
    if (!OPTIONS.includes(name)) throw refuse(`unknown option "${name}"; known: ${OPTIONS.join(', ')}`);
  const { prefix, timeout } = options;
  if (prefix !== undefined && typeof prefix !== 'string') throw refuse('prefix must be a text');
  const millis = timeout === undefined ? DEFAULT_TIMEOUT_MILLIS : durationMillis(timeout);
  if (millis === undefined || millis === 0)
    throw refuse('timeout must be milliseconds above 0 or a text like "500ms", "2s"');
  return millis;
}
