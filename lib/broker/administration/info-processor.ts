import {
  type BrokerStatsRequestHeader,
  encodeBrokerStats,
  encodeKvTable,
  MAX_DELAY_LEVEL,
  PROTOCOL_VERSION,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import type { MessageStore } from '../../store/index.js';
import { refusal, success } from '../answers.js';
import type { Followed } from '../traffic/traffic.js';
import type { AdminParts, Handlers } from './parts.js';

/** What the broker tells of itself and of its traffic. */
export class InfoProcessor {
  private readonly startedAt: number;
  private readonly parked: Followed;
  private readonly delivered: Followed;

  constructor(private readonly parts: AdminParts) {
    const { store, traffic, platform } = parts;
    this.startedAt = platform.clock.now();
    this.parked = traffic.follow(() => parkedIn(store));
    this.delivered = traffic.follow(() => store.timers.stats.delivered);
  }

  get handlers(): Handlers {
    return [
      [RequestCode.GET_BROKER_RUNTIME_INFO, this.runtime],
      [RequestCode.VIEW_BROKER_STATS_DATA, this.stats],
    ];
  }

  private readonly runtime = (_request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const table = { ...this.life(), ...this.traffic(), ...this.log(), ...this.timers() };
    respond(success(encodeKvTable(new Map(Object.entries(table)))));
  };

  private readonly stats = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { statsName, statsKey } = request.header as BrokerStatsRequestHeader;
    const data = this.parts.traffic.stats(statsName, statsKey);
    if (data !== undefined) respond(success(encodeBrokerStats(data)));
    else {
      const remark = `BROKER_ERROR: The stats <${statsName}> <${statsKey}> not exist`;
      respond(refusal(ResponseCode.SYSTEM_ERROR, remark));
    }
  };

  private life(): Record<string, string> {
    const { platform, store, held, options } = this.parts;
    return {
      brokerActive: String(store.state === 'open'),
      brokerName: options.name,
      brokerVersion: String(PROTOCOL_VERSION),
      brokerVersionDesc: 'V5_3_3',
      bootTimestamp: String(this.startedAt),
      startAcceptSendRequestTimeStamp: String(this.startedAt),
      runtime: asRuntime(platform.clock.now() - this.startedAt),
      heldPulls: String(held.size),
    };
  }

  private traffic(): Record<string, string> {
    const { traffic, store } = this.parts;
    const { put, got, found, missed, putMornings, gotMornings } = traffic;
    return {
      putTps: traffic.rates(put),
      getTransferredTps: traffic.rates(got),
      getFoundTps: traffic.rates(found),
      getMissTps: traffic.rates(missed),
      getTotalTps: traffic.rates(found, missed),
      putMessageTimesTotal: String(put.messages),
      putMessageSizeTotal: String(put.bytes),
      putMessageAverageSize: String(put.messages === 0 ? 0 : put.bytes / put.messages),
      msgPutTotalYesterdayMorning: String(putMornings.yesterday),
      msgPutTotalTodayMorning: String(putMornings.today),
      msgPutTotalTodayNow: String(put.messages),
      msgGetTotalYesterdayMorning: String(gotMornings.yesterday),
      msgGetTotalTodayMorning: String(gotMornings.today),
      msgGetTotalTodayNow: String(got.messages),
      // Sends that wait for the disk. Nothing here waits for a thread: all other requests are served as they come.
      sendThreadPoolQueueSize: String(store.health().waitingRecords),
      sendThreadPoolQueueHeadWaitTimeMills: '0',
      pullThreadPoolQueueSize: '0',
      pullThreadPoolQueueHeadWaitTimeMills: '0',
      queryThreadPoolQueueSize: '0',
      queryThreadPoolQueueHeadWaitTimeMills: '0',
      ackThreadPoolQueueSize: '0',
      ackThreadPoolQueueHeadWaitTimeMills: '0',
      EndTransactionQueueSize: String(store.halves.size),
    };
  }

  private log(): Record<string, string> {
    const { store } = this.parts;
    const health = store.health();
    const first = store.log.segments()[0]?.firstStoreTimestamp ?? -1;
    return {
      commitLogMinOffset: String(health.startOffset),
      commitLogMaxOffset: String(health.visibleOffset),
      earliestMessageTimeStamp: String(first),
      commitLogDiskRatio: String(health.diskUsedRatio),
      consumeQueueDiskRatio: String(health.diskUsedRatio),
      // There is one appender, so no lock is waited for.
      pageCacheLockTimeMills: '0',
      dispatchBehindBytes: String(health.appendOffset - health.visibleOffset),
      remainHowManyDataToFlush: `${health.appendOffset - health.durableOffset} B`,
    };
  }

  private timers(): Record<string, string> {
    const { store, platform, traffic } = this.parts;
    const { nextDueAt, pending } = store.timers.stats;
    return {
      // Seconds that the next delivery is late.
      timerReadBehind: String(Math.max(0, Math.floor((platform.clock.now() - nextDueAt) / 1000))),
      // Delayed messages are known as soon as they are stored.
      timerOffsetBehind: '0',
      timerCongestNum: String(pending),
      timerEnqueueTps: traffic.rateOf(this.parked),
      timerDequeueTps: traffic.rateOf(this.delivered),
    };
  }
}

/** Delayed messages that have ever been stored. */
function parkedIn(store: MessageStore): number {
  let sum = store.maxOffset(TIMER_TOPIC, 0);
  for (let queueId = 0; queueId < MAX_DELAY_LEVEL; queueId++) sum += store.maxOffset(SCHEDULE_TOPIC, queueId);
  return sum;
}

function asRuntime(millis: number): string {
  const seconds = Math.floor(millis / 1000);
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  return `[ ${days} days, ${hours} hours, ${minutes} minutes, ${seconds % 60} seconds ]`;
}
