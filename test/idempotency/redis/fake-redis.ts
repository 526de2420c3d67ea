import type { RedisClient, RedisValue } from '../../../lib/idempotency/redis/index.js';
import { ACQUIRE, COMPLETE, EXTEND, RELEASE } from '../../../lib/idempotency/redis/scripts.js';

const STEPS = new Map(Object.entries({ ACQUIRE, EXTEND, COMPLETE, RELEASE }).map(([name, { sha1 }]) => [sha1, name]));
const TEXTS = new Map(Object.entries({ ACQUIRE, EXTEND, COMPLETE, RELEASE }).map(([name, { text }]) => [text, name]));

export interface Asked {
  /** `EVAL ACQUIRE`, `EVALSHA RELEASE`, ... */
  readonly command: string;
  readonly words: readonly RedisValue[];
  /** Commands of one pipeline have the same number; 0: none. */
  readonly pipeline: number;
}

/** Has the members of an ioredis client that the store uses, and answers what the test says. */
export class FakeRedis {
  status = 'ready';
  isCluster = false;
  readonly asked: Asked[] = [];
  /** An Error is what Redis says no with. */
  answer: (asked: Asked) => unknown = () => Buffer.from('A');
  private pipelines = 0;

  readonly evalBuffer = (text: string, _keys: number, ...words: RedisValue[]): Promise<unknown> =>
    this.reply('EVAL', TEXTS.get(text), words, 0);
  readonly evalshaBuffer = (sha1: string, _keys: number, ...words: RedisValue[]): Promise<unknown> =>
    this.reply('EVALSHA', STEPS.get(sha1), words, 0);

  pipeline(): unknown {
    const number = ++this.pipelines;
    const replies: Promise<unknown>[] = [];
    return {
      evalBuffer: (text: string, _keys: number, ...words: RedisValue[]) =>
        replies.push(this.reply('EVAL', TEXTS.get(text), words, number)),
      evalshaBuffer: (sha1: string, _keys: number, ...words: RedisValue[]) =>
        replies.push(this.reply('EVALSHA', STEPS.get(sha1), words, number)),
      exec: () =>
        Promise.all(
          replies.map((reply) =>
            reply.then(
              (result) => [null, result],
              (error: unknown) => [error, undefined],
            ),
          ),
        ),
    };
  }

  /** The types ask for an ioredis client; the store looks for members. */
  get client(): RedisClient {
    return this as unknown as RedisClient;
  }

  private async reply(verb: string, step: string | undefined, words: RedisValue[], pipeline: number): Promise<unknown> {
    const asked = { command: `${verb} ${step}`, words, pipeline };
    this.asked.push(asked);
    const answer = await this.answer(asked);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}
