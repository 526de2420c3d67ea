import type { Clock, Timer } from '../../platform/index.js';
import type { Delivery, ProcessQueue } from '../consumer/process-queue.js';
import { ConsumeTimeoutError } from '../settle/consume-timeout.js';

/** One call of a handler that must not take for ever. */
export class WatchedCall {
  expired = false;
  readonly abort = new AbortController();

  constructor(
    readonly deliveries: readonly Delivery[],
    /** On the monotonic clock. */
    readonly deadline: number,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }
}

/** The handlers of one listener at work, with a time-out for each; one timer for all of them. */
export class HandlerWatch {
  /** In the order in which they began, hence of their deadlines. */
  private readonly atWork = new Set<WatchedCall>();
  private readonly followed = new WeakSet<ProcessQueue>();
  private timer: Timer | undefined;

  constructor(
    private readonly timeoutMillis: number,
    private readonly clock: Clock,
    /** The time of this call is over; its signal fires after that. */
    private readonly expire: (call: WatchedCall, error: ConsumeTimeoutError) => void,
  ) {}

  begin(deliveries: readonly Delivery[]): WatchedCall {
    const call = new WatchedCall(deliveries, this.clock.monotonic() + this.timeoutMillis);
    for (const { queue } of deliveries) this.follow(queue);
    this.atWork.add(call);
    this.timer ??= this.clock.after(this.timeoutMillis, this.look);
    return call;
  }

  /** Whether the handler has settled in time: otherwise its outcome counts for nothing. */
  end(call: WatchedCall): boolean {
    this.atWork.delete(call);
    return !call.expired;
  }

  private readonly look = (): void => {
    this.timer = undefined;
    const now = this.clock.monotonic();
    for (const call of this.atWork) {
      if (call.expired) continue;
      if (call.deadline > now) {
        this.timer = this.clock.after(call.deadline - now, this.look);
        return;
      }
      call.expired = true;
      const error = new ConsumeTimeoutError(this.timeoutMillis);
      this.expire(call, error);
      call.abort.abort(error);
    }
  };

  private follow(queue: ProcessQueue): void {
    if (this.followed.has(queue)) return;
    this.followed.add(queue);
    queue.handlerSignal.addEventListener('abort', () => {
      for (const call of this.atWork) {
        if (call.deliveries.some((delivery) => delivery.queue === queue)) call.abort.abort();
      }
    });
  }
}
