import { type Link, type Reader, Tap } from './tap.js';
import type { Verdict } from './trap.js';

/*
 * PostgreSQL's messages: | type byte | length int32, with itself | content |, the first one of a client without its type.
 *
 *   client: Q text · P name text ... B portal name ... S        server: K process key, Z when a query or a sync is through
 */
const QUERY = 0x51;
const PARSE = 0x50;
const BIND = 0x42;
const SYNC = 0x53;
const BACKEND_KEY = 0x4b;
const READY = 0x5a;

/** Members say who they are by their `application_name`. What passes is the text of a statement. */
export class PostgresTap extends Tap {
  constructor(port: number) {
    super(() => ({ host: '127.0.0.1', port }));
  }

  protected override readers(link: Link): { requests: Reader; answers: Reader } {
    const session = new Session(this, link);
    return { requests: new Requests(session), answers: new Answers(session) };
  }
}

class Session {
  /** Statements whose answer is not there yet. */
  private readonly open: string[] = [];

  constructor(
    private readonly tap: PostgresTap,
    readonly link: Link,
  ) {}

  asked(text: string): void {
    this.open.push(text);
  }

  answered(): string | undefined {
    return this.open.shift();
  }

  meet(what: string, way: 'request' | 'answer'): Verdict | Promise<Verdict> | undefined {
    if (!this.tap.traps.any) return undefined;
    return this.tap.traps.meet({ who: this.link.who, what, way, backend: this.link.backend });
  }
}

class Requests implements Reader {
  private started = false;
  /** Texts of the statements that the client has given a name. */
  private readonly named = new Map<string, string>();
  /** Of what is parsed or bound and not synced yet. */
  private text = '';

  constructor(private readonly session: Session) {}

  lengthAt(bytes: Buffer, at: number): number | undefined {
    const prefix = this.started ? 1 : 0;
    return bytes.length < at + prefix + 4 ? undefined : prefix + bytes.readInt32BE(at + prefix);
  }

  see(bytes: Buffer, at: number, end: number): Verdict | Promise<Verdict> | undefined {
    if (!this.started) {
      const words = bytes.toString('latin1', at + 8, end).split('\0');
      this.session.link.who = words[words.indexOf('application_name') + 1] ?? '?';
      this.started = true;
      return undefined;
    }
    switch (bytes[at]) {
      case QUERY:
        this.text = textAt(bytes, at + 5, end);
        this.session.asked(this.text);
        return this.session.meet(this.text, 'request');
      case PARSE: {
        const name = textAt(bytes, at + 5, end);
        this.text = textAt(bytes, at + 5 + name.length + 1, end);
        this.named.set(name, this.text);
        return undefined;
      }
      case BIND: {
        const portal = textAt(bytes, at + 5, end);
        const name = textAt(bytes, at + 5 + portal.length + 1, end);
        this.text = this.named.get(name) ?? '';
        return undefined;
      }
      // Not before: what is dropped with its sync is not executed for certain.
      case SYNC:
        this.session.asked(this.text);
        return this.session.meet(this.text, 'request');
      default:
        return undefined;
    }
  }
}

class Answers implements Reader {
  constructor(private readonly session: Session) {}

  lengthAt(bytes: Buffer, at: number): number | undefined {
    return bytes.length < at + 5 ? undefined : 1 + bytes.readInt32BE(at + 1);
  }

  see(bytes: Buffer, at: number, end: number): Verdict | Promise<Verdict> | undefined {
    if (bytes[at] === BACKEND_KEY && end - at >= 13) this.session.link.backend = bytes.readInt32BE(at + 5);
    if (bytes[at] !== READY) return undefined;
    const text = this.session.answered();
    return text === undefined ? undefined : this.session.meet(text, 'answer');
  }
}

function textAt(bytes: Buffer, at: number, end: number): string {
  const zero = bytes.indexOf(0, at);
  return bytes.toString('latin1', at, zero === -1 ? end : zero);
}
