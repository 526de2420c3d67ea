import type { ConnectionEnvironment } from './connection-environment.js';
import type { MessagingConnections } from './messaging-connections.js';

/**
 * Nest makes a strategy outside of its container, but shows each to the application. One with a method of this name is given
 * the application's connections. A name that two copies of this package share.
 */
export const LINK_TRANSPORT = Symbol.for('nestmq.link-transport');

/** The groups of a strategy on a connection of the application. */
export interface TransportMember {
  /** Makes the consumers, once connections are open. */
  prepare(): void;
  register(): Promise<void>;
  start(): Promise<void>;
}

export interface LinkedTransport {
  [LINK_TRANSPORT](host: TransportHost): void;
}

/** What strategies get of their application: its connections, and a place in its life. */
export class TransportHost {
  private phase: 'new' | 'open' | 'running' = 'new';
  private readonly members: TransportMember[] = [];
  private readonly drains: (() => Promise<void>)[] = [];

  constructor(
    readonly connections: MessagingConnections,
    readonly environment: ConnectionEnvironment,
  ) {}

  /** Takes the member as far as the application has come; the rest of the way it goes with it. */
  async join(member: TransportMember): Promise<void> {
    if (this.phase !== 'new') {
      member.prepare();
      await member.register();
    }
    if (this.phase === 'running') await member.start();
    else this.members.push(member);
  }

  /** @param drain Before anything of the application closes. */
  atDrain(drain: () => Promise<void>): void {
    this.drains.push(drain);
  }

  /** @internal Before the connections register their groups. */
  prepare(): void {
    for (const member of this.members) member.prepare();
    this.phase = 'open';
  }

  /** @internal */
  async start(): Promise<void> {
    this.phase = 'running';
    await Promise.all(this.members.map((member) => member.start()));
  }

  /** @internal */
  async drain(): Promise<void> {
    await Promise.all(this.drains.map((drain) => drain()));
  }
}

export function isLinkedTransport(target: unknown): target is LinkedTransport {
  return typeof (target as Partial<LinkedTransport> | null | undefined)?.[LINK_TRANSPORT] === 'function';
}
