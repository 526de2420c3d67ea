import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from '../../lib/platform/index.js';
import { createRequest, type RemotingCommand, RequestCode } from '../../lib/protocol/index.js';
import { decodeFrame, encodeFrame, FrameParser, requestFields, SERIALIZE_JSON } from '../../lib/remoting/index.js';

/** Turns the event loop until the condition holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > 25_000) throw new Error(`Did not come about: ${what}`);
    await setImmediate();
  }
}

export function heartbeat(body?: Buffer): RemotingCommand {
  return createRequest(RequestCode.HEART_BEAT, {}, body);
}

/** The command with its fields in a `Map`, to be compared: how they are kept depends on the form they came in. */
export function mapped(command: RemotingCommand): RemotingCommand {
  return { ...command, extFields: new Map(command.extFields) };
}

export class MemoryLogger implements Logger {
  readonly lines: string[] = [];
  error = (message: string): void => void this.lines.push(message);
  warn = (message: string): void => void this.lines.push(message);
  log = (message: string): void => void this.lines.push(message);
  debug = (message: string): void => void this.lines.push(message);
  verbose = (message: string): void => void this.lines.push(message);
}

/** A peer that sends whatever bytes it likes. */
export class RawPeer {
  readonly answers: RemotingCommand[] = [];
  closed = false;
  private readonly parser = new FrameParser((bytes, start, end) => this.answers.push(decodeFrame(bytes, start, end)));

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.parser.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async connect(address: string): Promise<RawPeer> {
    const [host, port] = address.split(':');
    const socket = connect({ host: host!, port: Number(port), noDelay: true });
    const peer = new RawPeer(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    return peer;
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  request(opaque: number, body?: Buffer): void {
    this.send(encodeFrame({ ...heartbeat(body), opaque }, SERIALIZE_JSON, requestFields));
  }
}
