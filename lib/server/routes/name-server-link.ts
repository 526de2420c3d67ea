import type { Platform, Timer } from '../../platform/index.js';
import { MessagingError, type RemotingCommand, ResponseCode } from '../../protocol/index.js';
import type { Channel, Connector } from '../../remoting/index.js';
import type { Registration } from './announcer.js';

/** Requests of registration, made anew for every attempt. */
export interface Announcements {
  /** All topics of the broker as they are now. */
  register(): RemotingCommand;
  unregister(): RemotingCommand;
}

const REQUEST_TIMEOUT = 6_000;
const GOODBYE_TIMEOUT = 1_000;
/** Between attempts to reach a NameServer that is away; doubled each time. */
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 2_000;

/**
 * Keeps the broker registered at one NameServer, over one connection: a NameServer forgets a broker whose connection
 * closes. The whole table goes each time, so that a NameServer that has lost everything has it again.
 */
export class NameServerLink {
  private channel: Channel | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private timer: Timer | undefined;
  private pause = FIRST_PAUSE;
  private stopped = false;
  private registered = false;
  private failure: string | undefined;

  constructor(
    readonly address: string,
    private readonly connector: Connector,
    private readonly announcements: Announcements,
    private readonly registerMillis: number,
    private readonly platform: Platform,
  ) {}

  get state(): Registration {
    return { nameServer: this.address, registered: this.registered, failure: this.failure };
  }

  /** Resolves after an attempt that began after this call, whatever came of it. One that is under way gets a successor. */
  async register(): Promise<void> {
    if (this.stopped) return;
    if (this.running !== undefined) {
      this.again = true;
      return this.running;
    }
    this.running = this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  /** What changes while the NameServer is away goes there when it is back: nobody has to wait for that. */
  async changed(): Promise<void> {
    if (this.registered || this.running !== undefined) await this.register();
  }

  /** Says good-bye, so that nobody is led here any more. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    const channel = this.channel;
    if (channel === undefined || channel.closed) return;
    try {
      // In the order in which they are sent, also behind a registration that is under way.
      await channel.invoke(this.announcements.unregister(), GOODBYE_TIMEOUT);
    } catch (error) {
      // It forgets the broker with the connection; nor is it waited for any longer.
      this.platform.logger.debug(`The NameServer ${this.address} was not told: ${(error as Error).message}`);
      void channel.close();
      return;
    }
    await channel.close();
  }

  private async run(): Promise<void> {
    do {
      this.again = false;
      this.timer?.cancel();
      await this.attempt();
    } while (this.again && !this.stopped && this.registered);
    if (this.stopped) return;
    const wait = this.registered ? this.registerMillis : this.pause;
    this.timer = this.platform.clock.after(wait, () => void this.register());
  }

  private async attempt(): Promise<void> {
    try {
      const channel = await this.open();
      const response = await channel.invoke(this.announcements.register(), REQUEST_TIMEOUT);
      if (response.code !== ResponseCode.SUCCESS) {
        const remark = response.remark ?? `it answers with code ${response.code}`;
        throw new MessagingError('BROKER_ERROR', `the NameServer refuses the registration: ${remark}`);
      }
      if (this.failure !== undefined)
        this.platform.logger.log(`The broker is now registered at the NameServer ${this.address}`);
      this.registered = true;
      this.failure = undefined;
      this.pause = FIRST_PAUSE;
    } catch (error) {
      if (!this.stopped) this.failed((error as Error).message);
    }
  }

  private async open(): Promise<Channel> {
    if (this.channel !== undefined && !this.channel.closed) return this.channel;
    const channel = await this.connector.connect(this.address);
    if (this.stopped) {
      await channel.close();
      throw new MessagingError('SHUTTING_DOWN', 'this broker stops');
    }
    this.channel = channel;
    channel.onClose(() => this.lost(channel));
    return channel;
  }

  // Not only at the next time to register: until then nobody would be led here.
  private lost(channel: Channel): void {
    if (this.channel !== channel) return;
    this.channel = undefined;
    if (this.stopped || this.running !== undefined) return;
    this.failed('the connection broke');
    this.timer?.cancel();
    this.timer = this.platform.clock.after(FIRST_PAUSE, () => void this.register());
  }

  private failed(failure: string): void {
    this.registered = false;
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE, this.registerMillis);
    // Said once, not at every attempt.
    if (failure === this.failure) return;
    this.failure = failure;
    this.platform.logger.warn(
      `The broker is not registered at the NameServer ${this.address}, and tries again until it is: ${failure}`,
    );
  }
}
