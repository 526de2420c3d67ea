import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Platform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { type Channel, createPortCounters, PortChannel } from '../../remoting/index.js';
import { fromCrossing } from './crossing-error.js';
import type { ThreadMessage, ThreadQuestion, ThreadReport, ThreadStart } from './thread-messages.js';

type Unnumbered = ThreadQuestion extends infer Q ? (Q extends unknown ? Omit<Q, 'id'> : never) : never;

interface Waiting {
  resolve(report: ThreadReport | undefined): void;
  reject(error: Error): void;
}

/** How long a thread whose broker has closed may take to end by itself. */
const END_MILLIS = 2_000;

/** One life of the broker's thread. */
export class BrokerWorker {
  /** As it was last known. */
  summary = '';
  private readonly channels = new Set<PortChannel>();
  private readonly waiting = new Map<number, Waiting>();
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  private lastId = 0;
  private closing = false;
  private end: MessagingError | undefined;
  private failure: unknown;
  private started: { resolve(): void; reject(error: Error): void } | undefined;

  /**
   * Resolves when messages can be sent.
   * @param onCrash Called once when the thread ends without having been told to, with the reason; not before it has started.
   * @throws MessagingError as the broker in it.
   */
  static async start(
    start: ThreadStart,
    platform: Platform,
    onCrash: (reason: MessagingError) => void,
  ): Promise<BrokerWorker> {
    const thread = new BrokerWorker(start, platform);
    try {
      await new Promise<void>((resolve, reject) => (thread.started = { resolve, reject }));
    } catch (error) {
      await thread.ended;
      throw error;
    }
    thread.started = undefined;
    void thread.ended.then(() => thread.closing || onCrash(thread.end!));
    return thread;
  }

  private constructor(
    start: ThreadStart,
    private readonly platform: Platform,
  ) {
    this.worker = new Worker(new URL('./broker-thread.js', import.meta.url), {
      name: 'nestmq broker',
      workerData: start,
    });
    this.worker.on('message', (message: ThreadMessage) => this.heed(message));
    this.worker.on('error', (error) => (this.failure = error));
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        this.finish(code);
        resolve();
      });
    });
  }

  async connect(address: string): Promise<Channel> {
    const { port1, port2 } = new MessageChannel();
    const taken = createPortCounters();
    const channel = new PortChannel({ port: port1, taken }, 'connected', this.platform.clock, this.platform.logger);
    this.channels.add(channel);
    channel.onClose(() => this.channels.delete(channel));
    try {
      await this.ask({ ask: 'connect', address, end: { port: port2, taken } }, [port2]);
    } catch (error) {
      await channel.close();
      throw error;
    }
    return channel;
  }

  /** Rejects with CHANNEL_CLOSED when the thread ends first. */
  async report(): Promise<ThreadReport> {
    const report = (await this.ask({ ask: 'report' }))!;
    this.summary = report.summary;
    return report;
  }

  /** Closes the broker as one that runs inline closes, then the thread. */
  async close(): Promise<void> {
    this.closing = true;
    // What was asked before is served before.
    for (const channel of this.channels) channel.flush();
    try {
      await this.ask({ ask: 'close' });
    } finally {
      const late = this.platform.clock.after(END_MILLIS, () => void this.worker.terminate());
      await this.ended;
      late.cancel();
    }
  }

  private ask(question: Unnumbered, transfer: readonly MessagePort[] = []): Promise<ThreadReport | undefined> {
    if (this.end !== undefined) return Promise.reject(this.end);
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...question, id }, transfer);
    });
  }

  private heed(message: ThreadMessage): void {
    switch (message.kind) {
      case 'started':
        this.summary = message.summary;
        this.started?.resolve();
        break;
      case 'refused':
        this.started?.reject(fromCrossing(message.error));
        break;
      case 'log':
        if (message.level !== 'error') this.platform.logger[message.level](message.message);
        else this.platform.logger.error(message.message, message.cause && fromCrossing(message.cause));
        break;
      case 'answer': {
        const asked = this.waiting.get(message.id);
        this.waiting.delete(message.id);
        if (message.error === undefined) asked?.resolve(message.report);
        else asked?.reject(fromCrossing(message.error));
      }
    }
  }

  private finish(code: number): void {
    const { failure } = this;
    const why =
      failure instanceof Error ? failure.message : failure === undefined ? `exit code ${code}` : String(failure);
    this.end = new MessagingError('CHANNEL_CLOSED', `The thread of the broker has ended: ${why}`, { cause: failure });
    this.started?.reject(new MessagingError('BROKER_ERROR', this.end.message, { cause: failure }));
    for (const { reject } of this.waiting.values()) reject(this.end);
    this.waiting.clear();
    for (const channel of [...this.channels]) channel.lost(this.end);
  }
}
