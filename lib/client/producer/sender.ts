import {
  AlikeBatch,
  createRequest,
  createResponse,
  DEFAULT_TOPIC,
  MessagingError,
  type PackAnswerHeader,
  PropertyName,
  ResponseCode,
  setProperty,
  SysFlag,
  type MessageQueue,
  type RemotingCommand,
  type SendMessageRequestHeader,
} from '../../protocol/index.js';
import type { Channel } from '../../remoting/index.js';
import type { BodyRows } from './body-rows.js';
import type { BrokerFaults } from './broker-faults.js';
import { compressFor, type WireBody } from '../compression/body-codec.js';
import { keptTime } from '../connection/capabilities.js';
import type { ClientCore } from '../connection/client-core.js';
import type { SendResult } from './messages.js';
import type { PackedAttempts } from './pack-call.js';
import { PackGatherer } from './pack-gatherer.js';
import type { QueueSelector } from './queue-selector.js';
import { asMessagingError, isSendRetried, responseError } from '../connection/response-error.js';
import { SendResults, sendStatus } from './send-results.js';
import { type FirstAttempts, SendCall } from './send-call.js';
import { countOf, type SendUnit } from './send-unit.js';
import type { Unsettled } from './unsettled.js';
import { masterAddress, type TopicRoute } from '../connection/topic-route.js';

/** Before another attempt at the broker that has just failed; doubled each time. */
const RETRY_PAUSE_MILLIS = 20;
/** Between two looks at a topic's route because a broker is away. */
const LOOK_GAP_MILLIS = 500;

interface FailedAttempt {
  readonly failure: MessagingError;
  readonly brokerName: string;
}

/** Of the promise that is made just now: one function for all of them, where a closure each would have to be collected. */
const kept: { resolve: SendCall['resolve']; reject: SendCall['reject'] } = { resolve: () => {}, reject: () => {} };

function keepSettlers(resolve: SendCall['resolve'], reject: SendCall['reject']): void {
  kept.resolve = resolve;
  kept.reject = reject;
}

/** Brings one unit to a broker, with all its attempts. */
export class Sender implements FirstAttempts, PackedAttempts {
  private readonly results: SendResults;
  /** By address, with the one that was asked for last in front. */
  private readonly gatherers = new Map<string, PackGatherer>();
  private lastGatherer: PackGatherer | undefined;
  /** When the route of a topic was asked for because of a broker that was away. */
  private readonly looked = new Map<string, number>();

  constructor(
    private readonly core: ClientCore,
    private readonly queues: QueueSelector,
    private readonly faults: BrokerFaults,
    private readonly unsettled: Unsettled,
    private readonly rows: BodyRows,
  ) {
    this.results = new SendResults(core);
  }

  /** One unit with all its attempts; `ordered` is the index of its ordered queue. Without it the unit has just been made. */
  deliver(unit: SendUnit, ordered: number | undefined): Promise<SendResult> {
    const sent = new Promise<SendResult>(keepSettlers);
    const call = new SendCall(this, unit, ordered, kept.resolve, kept.reject);
    this.unsettled.begin();
    if (unit.compressible || unit.deliverAt !== undefined || !this.attemptAtOnce(call))
      void this.finish(call, undefined);
    return sent;
  }

  /**
   * The first attempt where everything is known: it costs no promise but that of the send. False, and nothing done but
   * for choosing the queue, when something has to be awaited first.
   */
  private attemptAtOnce(call: SendCall): boolean {
    const { unit, ordered } = call;
    const { routes, brokers, platform } = this.core;
    const route = routes.peek(unit.topic);
    if (route === undefined) return false;
    let queue: MessageQueue;
    try {
      queue = this.choose(route, unit, ordered, undefined);
    } catch {
      return false;
    }
    call.queue = queue;
    call.route = route;
    const address = masterAddress(route, queue.brokerName);
    const channel = address === undefined ? undefined : brokers.peek(address);
    // Keyed units have waited in their lane.
    call.startedAt = ordered === undefined ? unit.begunAt : Math.floor(platform.clock.monotonic());
    if (channel === undefined || unit.deadline - call.startedAt <= 0) return false;
    this.gatherer(address!, channel).send(call);
    return true;
  }

  private gatherer(address: string, channel: Channel): PackGatherer {
    if (this.lastGatherer?.channel === channel) return this.lastGatherer;
    let gatherer = this.gatherers.get(address);
    if (gatherer?.channel !== channel) {
      gatherer = new PackGatherer(channel, address, this.core, this, (call) =>
        this.request(call.unit, call.queue!, call.unit.body, 0),
      );
      this.gatherers.set(address, gatherer);
    }
    this.lastGatherer = gatherer;
    return gatherer;
  }

  /** @internal Takes the answer to the first attempt. */
  answered(call: SendCall, error: MessagingError | undefined, response: RemotingCommand | undefined): void {
    const { unit } = call;
    const queue = call.queue!;
    const status = response === undefined ? undefined : sendStatus(response.code);
    if (status !== undefined) this.stored(call, this.results.single(unit, queue, status, response!, call.route!));
    else
      this.failedInPack(
        call,
        error ?? this.refused(unit, queue, masterAddress(call.route!, queue.brokerName)!, response!),
      );
  }

  answeredInPack(call: SendCall, answer: PackAnswerHeader, place: number): void {
    const code = answer.codes[place]!;
    const { unit } = call;
    const queue = call.queue!;
    if (code !== ResponseCode.SUCCESS) {
      const response = createResponse(code, {}, answer.remarks?.[place]);
      this.failedInPack(call, this.refused(unit, queue, masterAddress(call.route!, queue.brokerName)!, response));
      return;
    }
    this.stored(call, this.results.packed(call, answer, place));
  }

  failedInPack(call: SendCall, error: MessagingError): void {
    const { unit, queue } = call;
    const failure = asMessagingError(error, `Sending to ${unit.topic}`);
    void this.finish(call, { failure, brokerName: queue!.brokerName });
  }

  refusedInPack(call: SendCall): void {
    void this.finish(call, undefined);
  }

  private stored(call: SendCall, result: SendResult): void {
    this.unsettled.end();
    this.faults.answered(result.brokerName, call.startedAt);
    // The only attempt has been answered: its broker has what was sent, and no one will ask for it again.
    const { messages } = call.unit;
    if (messages instanceof AlikeBatch) this.rows.giveBack(messages.bodies);
    call.resolve(result);
  }

  private async finish(call: SendCall, first: FailedAttempt | undefined): Promise<void> {
    const { unit, ordered } = call;
    try {
      call.resolve(await this.attempts(unit, ordered, first, call.queue));
    } catch (error) {
      // Keyed units are counted where their lane lets go of them: it may try again in another form.
      if (ordered === undefined) countFailed(this.core, unit);
      call.reject(error as Error);
    } finally {
      this.unsettled.end();
    }
  }

  /** All attempts, the first one to the chosen queue; or those after a first one that has failed. */
  private async attempts(
    unit: SendUnit,
    ordered: number | undefined,
    first: FailedAttempt | undefined,
    chosen?: MessageQueue,
  ): Promise<SendResult> {
    const { counters, platform } = this.core;
    let wire: WireBody = { body: unit.body, sysFlag: 0 };
    let failedBroker: string | undefined;
    let before: MessagingError | undefined;
    for (let attempt = 0; ; attempt++) {
      let brokerName: string | undefined;
      let failure: MessagingError;
      if (attempt === 0 && first !== undefined) ({ brokerName, failure } = first);
      else {
        try {
          const route =
            this.core.routes.peek(unit.topic) ?? (await this.within(this.core.routes.forSending(unit.topic), unit));
          const queue = (attempt === 0 ? chosen : undefined) ?? this.choose(route, unit, ordered, failedBroker);
          brokerName = queue.brokerName;
          const address = masterAddress(route, brokerName)!;
          const startedAt = platform.clock.monotonic();
          const channel = this.core.brokers.peek(address) ?? (await this.connect(unit, route, queue, address, attempt));
          if (unit.compressible && wire.sysFlag === 0) wire = await compressFor(channel, wire);
          // Awaiting nothing would let later sends overtake this one.
          const timed = unit.deliverAt === undefined ? unit : await this.timed(unit, address);
          const request = this.request(timed, queue, wire.body, wire.sysFlag);
          const response = await channel.invoke(request, this.remaining(unit));
          const status = sendStatus(response.code);
          if (status !== undefined) {
            this.faults.answered(brokerName, startedAt);
            return this.results.single(unit, queue, status, response, route);
          }
          failure = this.refused(unit, queue, address, response);
        } catch (error) {
          failure = asMessagingError(error, `Sending to ${unit.topic}`);
        }
      }
      if (brokerName !== undefined && this.faults.failed(brokerName, failure)) this.lookAgain(unit.topic);
      const remaining = unit.deadline - platform.clock.monotonic();
      // That the time is over says less than what it was lost with.
      if (remaining <= 0 && before !== undefined) throw before;
      before = failure;
      if (attempt >= unit.retries || !isSendRetried(failure) || remaining <= 0) throw failure;
      counters.sendRetried++;
      await this.beforeRetry(unit, failure, brokerName, failedBroker, attempt, remaining);
      failedBroker = brokerName;
    }
  }

  /**
   * Whoever may go to another broker leaves time for that: a host that has lost its power refuses no connection, it just
   * does not answer.
   */
  private async connect(
    unit: SendUnit,
    route: TopicRoute,
    { brokerName }: MessageQueue,
    address: string,
    attempt: number,
  ): Promise<Channel> {
    const opening = this.core.brokers.open(address);
    const left = unit.retries - attempt;
    if (left <= 0 || !hasOther(unit, route, brokerName)) return this.within(opening, unit);
    const milliseconds = Math.ceil(this.remaining(unit) / (left + 1));
    return this.within(opening, unit, milliseconds, () => {
      const text = `Sending to ${unit.topic}: no connection to ${address} within ${milliseconds} ms`;
      return new MessagingError('CONNECT_FAILED', text);
    });
  }

  // Many sends fail at once when a broker goes: the table shares the question among them.
  private lookAgain(topic: string): void {
    const now = this.core.platform.clock.monotonic();
    if (now < (this.looked.get(topic) ?? Number.NEGATIVE_INFINITY) + LOOK_GAP_MILLIS) return;
    this.looked.set(topic, now);
    this.core.routes.refresh(topic).catch((error: unknown) => {
      this.core.platform.logger.debug(`The route of ${topic} could not be refreshed: ${(error as Error).message}`);
    });
  }

  /** What has an id for de-duplication goes where the same id went before, also as a retry: each broker knows its own ids. */
  private choose(
    route: TopicRoute,
    unit: SendUnit,
    ordered: number | undefined,
    failedBroker: string | undefined,
  ): MessageQueue {
    const index = ordered ?? (unit.dedupId === undefined ? undefined : this.queues.orderedIndex(route, unit.dedupId));
    return index === undefined ? this.queues.next(route, failedBroker) : this.queues.ordered(route, index);
  }

  private refused(unit: SendUnit, queue: MessageQueue, address: string, response: RemotingCommand): MessagingError {
    const failure = responseError(response, `Sending to ${unit.topic} on ${queue.brokerName}`);
    this.core.brokers.leaveIfGoing(address, failure);
    return failure;
  }

  /** Resolves when the message has been handed to the channel. */
  async deliverOneway(unit: SendUnit): Promise<undefined> {
    const { routes, brokers } = this.core;
    this.unsettled.begin();
    try {
      const route = routes.peek(unit.topic) ?? (await this.within(routes.forSending(unit.topic), unit));
      const queue = this.choose(route, unit, undefined, undefined);
      const address = masterAddress(route, queue.brokerName)!;
      const channel = brokers.peek(address) ?? (await this.within(brokers.open(address), unit));
      let wire: WireBody = { body: unit.body, sysFlag: 0 };
      if (unit.compressible) wire = await compressFor(channel, wire);
      // Awaiting nothing would let later sends overtake this one.
      const timed = unit.deliverAt === undefined ? unit : await this.timed(unit, address);
      const request = this.request(timed, queue, wire.body, wire.sysFlag);
      this.gatherer(address, channel).flush();
      channel.oneway(request);
      if (route.provisional) this.results.learnRealRoute(unit.topic);
    } finally {
      this.unsettled.end();
    }
  }

  // A queue of another broker is tried at once. The same one gets a moment, and may by then have another address.
  private async beforeRetry(
    unit: SendUnit,
    failure: MessagingError,
    brokerName: string | undefined,
    failedBroker: string | undefined,
    attempt: number,
    remaining: number,
  ): Promise<void> {
    const { routes, platform } = this.core;
    platform.logger.debug(`${failure.message}; attempt ${attempt + 2} follows`);
    const route = routes.peek(unit.topic);
    if (failedBroker === undefined && route !== undefined && hasOther(unit, route, brokerName)) return;
    await platform.clock.sleep(Math.min(RETRY_PAUSE_MILLIS * 2 ** attempt, remaining));
    try {
      await this.within(routes.refresh(unit.topic), unit);
    } catch (error) {
      // The attempt goes by the route that is known.
      platform.logger.debug(`The route of ${unit.topic} could not be refreshed: ${(error as Error).message}`);
    }
  }

  /** The unit with its delivery time as the broker keeps it. */
  private async timed(unit: SendUnit, address: string): Promise<SendUnit> {
    if (unit.deliverAt === undefined) return unit;
    const profile = await this.within(this.core.capabilities.of(address), unit);
    const at = keptTime(profile, unit.deliverAt, this.core.platform.clock.now(), unit.topic);
    if (at === unit.deliverAt) return unit;
    return unit.withProperties(setProperty(unit.properties, PropertyName.TIMER_DELIVER_MS, String(at)));
  }

  private request(unit: SendUnit, queue: MessageQueue, body: Buffer, sysFlag: number): RemotingCommand {
    const { core } = this;
    const header: SendMessageRequestHeader = {
      producerGroup: unit.transactionGroup ?? core.producerGroup,
      topic: unit.topic,
      defaultTopic: DEFAULT_TOPIC,
      defaultTopicQueueNums: core.settings.defaultTopicQueues,
      queueId: queue.queueId,
      sysFlag: unit.transactionGroup === undefined ? sysFlag : sysFlag | SysFlag.TRANSACTION_PREPARED,
      bornTimestamp: core.platform.clock.now(),
      flag: 0,
      properties: unit.properties,
      reconsumeTimes: 0,
      unitMode: false,
      maxReconsumeTimes: undefined,
      batch: unit.batch !== undefined,
      brokerName: queue.brokerName,
      messages: unit.messages,
    };
    return createRequest(unit.requestCode, header, unit.messages === undefined ? body : undefined);
  }

  private remaining(unit: SendUnit): number {
    const remaining = unit.deadline - this.core.platform.clock.monotonic();
    if (remaining <= 0) throw timeout(unit);
    return remaining;
  }

  /** Off the hot path: a promise that others share, bounded by this unit's own deadline, or by less. */
  within<T>(
    promise: Promise<T>,
    unit: SendUnit,
    milliseconds?: number,
    late: () => MessagingError = () => timeout(unit),
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      // Before the deadline is looked at: when it has passed, a rejection that nobody listens to would end the process.
      const settled = promise.then(resolve, reject);
      const timer = this.core.platform.clock.after(milliseconds ?? this.remaining(unit), () => reject(late()));
      void settled.finally(() => timer.cancel());
    });
  }
}

/** A send that is rejected in the end. */
export function countFailed(core: ClientCore, unit: SendUnit): void {
  const count = countOf(unit);
  core.counters.sendFailed += count;
  core.sends.of(unit.topic).failed += count;
}

/** Whether the send may go to another broker instead. */
function hasOther(unit: SendUnit, route: TopicRoute, brokerName: string | undefined): boolean {
  if (unit.shardingKey !== undefined || unit.dedupId !== undefined) return false;
  return route.writeQueues.some((queue) => queue.brokerName !== brokerName);
}

function timeout(unit: SendUnit): MessagingError {
  return new MessagingError('TIMEOUT', `Sending to ${unit.topic} took longer than allowed`);
}
