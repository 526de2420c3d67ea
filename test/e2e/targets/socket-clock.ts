import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { VirtualClock } from '../../../lib/platform/index.js';

/** Turns of the loop in which no byte was on its way. */
const QUIET_TURNS = 2;

/**
 * Virtual time for what talks over real sockets within this process. Nothing has come to rest while bytes that one end
 * has written were not read by the other, or while an end does not know yet that the other one was opened or closed.
 */
export class SocketClock extends VirtualClock {
  private readonly callers = new Set<Socket>();
  private readonly called = new Map<number, Socket>();
  private ports: ReadonlySet<number> = new Set();

  constructor() {
    super();
    subscribe('net.client.socket', this.onCaller);
    subscribe('net.server.socket', this.onCalled);
  }

  /** Only connections to these ports count: others are none of this world's. */
  watch(port: number): void {
    this.ports = new Set([...this.ports, port]);
  }

  forget(): void {
    unsubscribe('net.client.socket', this.onCaller);
    unsubscribe('net.server.socket', this.onCalled);
  }

  /** Breaks every connection off. */
  cut(): void {
    for (const socket of this.called.values()) socket.destroy();
  }

  override async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await super.settle();
      if (!this.isQuiet()) quiet = -1;
    }
  }

  private isQuiet(): boolean {
    for (const caller of this.callers) {
      if (caller.connecting) return false;
      const called = caller.localPort === undefined ? undefined : this.called.get(caller.localPort);
      if (called === undefined) {
        if (caller.destroyed) this.callers.delete(caller);
        else if (this.ports.has(caller.remotePort ?? 0)) return false;
        continue;
      }
      if (caller.destroyed !== called.destroyed) return false;
      if (caller.destroyed) {
        if (!caller.closed || !called.closed) return false;
        this.callers.delete(caller);
        continue;
      }
      if (caller.bytesWritten !== called.bytesRead || called.bytesWritten !== caller.bytesRead) return false;
    }
    return true;
  }

  private readonly onCaller = (message: unknown): void => {
    this.callers.add((message as { socket: Socket }).socket);
  };

  private readonly onCalled = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    if (socket.remotePort !== undefined) this.called.set(socket.remotePort, socket);
  };
}
