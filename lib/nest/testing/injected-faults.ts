import { decide, type InterceptedCall, type InterceptedSend, type Settlement } from '../../client/index.js';
import { MessagingError, type MessagingErrorCode } from '../../protocol/index.js';
import { Destinations } from '../template/destination.js';

/** Which sends fail, and how. @publicApi */
export interface SendFault {
  /** `topic` or `topic:tag`. Default: any. */
  destination?: string;
  /** What the sender gets. Default: a MessagingError CONNECT_FAILED. */
  error?: Error | MessagingErrorCode;
  /** How many sends. Default: 1. */
  times?: number;
  /** Whether the broker has stored the message, and only its answer is lost. Default: false. */
  stored?: boolean;
}

/** Which deliveries fail, and how. @publicApi */
export interface DeliveryFault {
  group?: string;
  /** `Class.method`. */
  listener?: string;
  /** `topic` or `topic:tag`. */
  destination?: string;
  /** Why the delivery fails. Default: an Error that says so; `RejectMessageError` and `RetryLaterError` mean what they say. */
  error?: Error;
  /** How many deliveries. Default: 1. */
  times?: number;
  /** Whether the handler runs to its end first, as when a process dies before it acknowledges. Default: false. */
  afterHandler?: boolean;
}

interface Counted<F> {
  readonly fault: F;
  left: number;
}

/** What a test has asked to go wrong. */
export class InjectedFaults {
  private readonly destinations = new Destinations();
  private sends: Counted<SendFault>[] = [];
  private deliveries: Counted<DeliveryFault>[] = [];

  addSend(fault: SendFault): void {
    this.sends.push({ fault, left: times('failNextSend', fault.times) });
  }

  addDelivery(fault: DeliveryFault): void {
    this.deliveries.push({ fault, left: times('failNextDelivery', fault.times) });
  }

  clear(): void {
    this.sends = [];
    this.deliveries = [];
  }

  /** The fault that this send meets, counted down; and the error that it ends with. */
  forSend({ messages }: InterceptedSend): { readonly stored: boolean; readonly error: Error } | undefined {
    const [first] = messages;
    const fault = this.take(this.sends, ({ destination }) => this.goesTo(destination, first!.topic, first!.tag));
    if (fault === undefined) return undefined;
    const { error = 'CONNECT_FAILED', stored = false } = fault;
    if (error instanceof Error) return { stored, error };
    const text = `The test lets this send to ${first!.topic} fail${stored ? ' after the message was stored' : ''}`;
    return { stored, error: new MessagingError(error, text) };
  }

  forDelivery(call: InterceptedCall): { readonly afterHandler: boolean; readonly settlement: Settlement } | undefined {
    const [first] = call.messages;
    const fault = this.take(
      this.deliveries,
      ({ group, listener, destination }) =>
        (group === undefined || group === call.group) &&
        (listener === undefined || listener === call.listener) &&
        this.goesTo(destination, first!.topic, first!.tag),
    );
    if (fault === undefined) return undefined;
    const { error = new Error(`The test lets this delivery to ${call.listener} fail`), afterHandler = false } = fault;
    return { afterHandler, settlement: decide('handler', error, () => undefined) };
  }

  private goesTo(destination: string | undefined, topic: string, tag: string | undefined): boolean {
    if (destination === undefined) return true;
    const wanted = this.destinations.parse(destination);
    return wanted.topic === topic && (wanted.tag === undefined || wanted.tag === tag);
  }

  private take<F>(list: Counted<F>[], matches: (fault: F) => boolean): F | undefined {
    const index = list.findIndex(({ fault }) => matches(fault));
    if (index < 0) return undefined;
    const found = list[index]!;
    if (--found.left === 0) list.splice(index, 1);
    return found.fault;
  }
}

function times(verb: string, value = 1): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new MessagingError('BAD_ARGUMENT', `${verb}: times must be a whole number above 0, not ${String(value)}`);
}
