import type { Channel, RequestHandler } from '../../remoting/index.js';

/** How the topics of a broker get into routes: through the NameServer of its own process, or through others. */
export interface Announcer {
  /** `host:port` that clients are led to. */
  readonly address: string;
  /** What it answers beside the broker. */
  readonly handlers: ReadonlyMap<number, RequestHandler>;
  /** To be told every channel of the broker. */
  attach(channel: Channel): void;
  /** Announces all topics, and each that changes from now on. Never rejects: NameServers that are away come later. */
  start(): Promise<void>;
  /** The broker leaves the routes. Never rejects. */
  stop(): Promise<void>;
  /** At which NameServers the broker is registered; none with one of its own. */
  registrations(): readonly Registration[];
}

/** What became of the registration at one NameServer. */
export interface Registration {
  /** `host:port` */
  readonly nameServer: string;
  readonly registered: boolean;
  /** Why not. */
  readonly failure: string | undefined;
}
