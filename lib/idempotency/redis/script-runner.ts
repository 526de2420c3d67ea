import type { Clock } from '../../platform/index.js';
import type { ByteClient, RedisValue } from './redis-client.js';
import { redisAway, redisFailure, redisSilent } from './redis-failure.js';
import type { Script } from './scripts.js';

/** A key and the arguments of a script. */
export type Call = readonly RedisValue[];

/** Asks Redis the same script for many keys at once, and for no longer than it may take. */
export class ScriptRunner {
  private wasReady = false;

  constructor(
    private readonly client: ByteClient,
    private readonly timeoutMillis: number,
    private readonly clock: Clock,
  ) {}

  /** The answers in the order of the calls. Rejects when one failed: the others may have been done. */
  run(step: string, script: Script, calls: readonly Call[]): Promise<unknown[]> {
    // What ioredis queues while it is away would be asked when nobody waits for it any more. The first connection is
    // waited for: applications start before it stands.
    const { status } = this.client;
    if (status === 'ready') this.wasReady = true;
    else if (this.wasReady || status === 'end') return Promise.reject(redisAway(step, status));
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(this.timeoutMillis, () => reject(redisSilent(step, this.timeoutMillis)));
      this.ask(script, calls).then(
        (answers) => {
          timer.cancel();
          resolve(answers);
        },
        (error: unknown) => {
          timer.cancel();
          reject(redisFailure(step, error));
        },
      );
    });
  }

  private async ask(script: Script, calls: readonly Call[]): Promise<unknown[]> {
    const answers = await this.send('evalshaBuffer', script.sha1, calls);
    const unknown: number[] = [];
    for (let i = 0; i < answers.length; i++) {
      const answer = answers[i];
      if (!(answer instanceof Error)) continue;
      if (!answer.message.startsWith('NOSCRIPT')) throw answer;
      unknown.push(i);
    }
    if (unknown.length === 0) return answers;
    // The server does not know the script (any more): it was not run, and EVAL also teaches it.
    const again = await this.send(
      'evalBuffer',
      script.text,
      unknown.map((i) => calls[i] as Call),
    );
    for (let i = 0; i < again.length; i++) {
      const answer = again[i];
      if (answer instanceof Error) throw answer;
      answers[unknown[i] as number] = answer;
    }
    return answers;
  }

  /** One write to the socket; in a cluster the keys live in many places, and ioredis finds the node of each. */
  private async send(
    command: 'evalBuffer' | 'evalshaBuffer',
    text: string,
    calls: readonly Call[],
  ): Promise<unknown[]> {
    if (calls.length === 1 || this.client.isCluster)
      return Promise.all(calls.map((call) => this.client[command](text, 1, ...call).catch(asError)));
    const pipeline = this.client.pipeline();
    for (const call of calls) pipeline[command](text, 1, ...call);
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, answer]) => error ?? answer);
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
