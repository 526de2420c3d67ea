import { RequestCode } from '../../../lib/protocol/index.js';
import { decodeFrame } from '../../../lib/remoting/index.js';
import { type Link, type Reader, Tap } from './tap.js';
import type { Verdict } from './trap.js';

const NAMES = new Map<number, string>(Object.entries(RequestCode).map(([name, code]) => [code, name]));
const ANSWER_FLAG = 1;

/** Members are known by the ports that they connect from. What passes is the name of a request code. */
export class BrokerTap extends Tap {
  constructor(
    port: () => number,
    private readonly nameOf: (port: number) => string | undefined,
  ) {
    super(() => ({ host: '127.0.0.1', port: port() }));
  }

  protected override whoIs({ client }: Link): string {
    return this.nameOf(client.remotePort ?? 0) ?? '?';
  }

  protected override readers(link: Link): { requests: Reader; answers: Reader } {
    /** Requests without their answer, by opaque; kept only while a trap waits. */
    const open = new Map<number, string>();
    const meet = (what: string, way: 'request' | 'answer'): Verdict | Promise<Verdict> | undefined => {
      return this.traps.meet({ who: this.whoIs(link), what, way, backend: undefined });
    };
    return {
      requests: {
        lengthAt,
        see: (bytes, at, end) => {
          if (!this.traps.any) return undefined;
          const { code, flag, opaque } = decodeFrame(bytes, at, end);
          if ((flag & ANSWER_FLAG) !== 0) return undefined;
          const name = NAMES.get(code) ?? String(code);
          open.set(opaque, name);
          return meet(name, 'request');
        },
      },
      answers: {
        lengthAt,
        see: (bytes, at, end) => {
          if (!this.traps.any) {
            if (open.size > 0) open.clear();
            return undefined;
          }
          const { flag, opaque } = decodeFrame(bytes, at, end);
          const name = (flag & ANSWER_FLAG) === 0 ? undefined : open.get(opaque);
          open.delete(opaque);
          return name === undefined ? undefined : meet(name, 'answer');
        },
      },
    };
  }
}

function lengthAt(bytes: Buffer, at: number): number | undefined {
  return bytes.length < at + 4 ? undefined : 4 + bytes.readInt32BE(at);
}
