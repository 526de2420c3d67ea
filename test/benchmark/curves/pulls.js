// Pulls as a consumer's, one request at a time, from any place of a queue. Straight over the channel: a consumer goes
// through its queue in order, and would have to be moved for each of them.
import { createRequest, PullSysFlag, RequestCode, ResponseCode } from '../../../dist/protocol/index.js';
import { percentile } from '../statistics.js';

const TIMEOUT_MILLIS = 60_000;

export class Puller {
  constructor(channel, topic, group = 'curve-pulls') {
    this.channel = channel;
    this.topic = topic;
    this.group = group;
  }

  async ends(queueId) {
    const ask = async (code) => {
      const answer = await this.channel.invoke(createRequest(code, { topic: this.topic, queueId }), TIMEOUT_MILLIS);
      return Number(answer.header?.offset ?? answer.fields.offset);
    };
    return { min: await ask(RequestCode.GET_MIN_OFFSET), max: await ask(RequestCode.GET_MAX_OFFSET) };
  }

  /** Answers the bytes of what was found; throws when there was nothing. */
  async pull(queueId, queueOffset, maxMsgNums = 32) {
    const request = createRequest(RequestCode.PULL_MESSAGE, {
      consumerGroup: this.group,
      topic: this.topic,
      queueId,
      queueOffset,
      maxMsgNums,
      sysFlag: PullSysFlag.SUBSCRIPTION,
      commitOffset: 0,
      suspendTimeoutMillis: 0,
      subVersion: 0,
      subscription: '*',
      expressionType: 'TAG',
    });
    const answer = await this.channel.invoke(request, TIMEOUT_MILLIS);
    if (answer.code !== ResponseCode.SUCCESS)
      throw new Error(
        `Queue ${queueId} of ${this.topic} at ${queueOffset} was answered with ${answer.code}: ${answer.remark}`,
      );
    return answer.body.length;
  }

  /** How long each of `count` pulls takes, one after the other, from the offsets that `offsetOf` gives: p50 and p99 in ms. */
  async latencies(queues, count, offsetOf) {
    const took = [];
    for (let index = 0; index < count; index++) {
      const queueId = index % queues.length;
      const offset = offsetOf(queues[queueId]);
      const began = performance.now();
      await this.pull(queueId, offset);
      took.push(performance.now() - began);
    }
    return { p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
  }
}
