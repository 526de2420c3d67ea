// A proxy on the loopback between Java clients and a broker: it looks at every frame of the Java side as it passes, and
// keeps one of each kind.
import { connect, createServer } from 'node:net';
import { once } from 'node:events';

/** What the broker may leave unread: where Java says again what the connection or another field says already. */
const UNREAD = new Set(['ReqT', 'bname', 'brokerName', 'n', 'lo', 'ns', 'nsd', 'oway']);
/** Longer frames tell nothing that shorter ones do not. */
const LONGEST = 1_500;
const JAVA = 0;
const GREATEST = '9223372036854775807';

export class Recorder {
  /** By kind: the shortest frame that was seen, as hexadecimal digits, with what it is. */
  frames = new Map();
  /** What did not come back as it was. */
  problems = new Set();
  seen = 0;
  #target;
  #server;
  #client;
  #remoting;
  #protocol;
  #sockets = new Set();

  constructor(client, remoting, protocol) {
    this.#client = client;
    this.#remoting = remoting;
    this.#protocol = protocol;
  }

  /** Gives the address that clients are told. */
  async listen() {
    this.#server = createServer((socket) => this.#accept(socket)).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${this.#server.address().port}`;
  }

  /** Everything goes to this address from now on. */
  lead(address) {
    this.#target = address;
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket) {
    const [host, port] = this.#target.split(':');
    const broker = connect({ host, port: Number(port), noDelay: true });
    socket.setNoDelay(true);
    // Whose answers these are stands in the requests of the other side.
    const asked = { java: new Map(), broker: new Map() };
    this.#pass(socket, broker, (frame) => this.#fromJava(frame, asked));
    this.#pass(broker, socket, (frame) => {
      if (!this.#protocol.isResponse(frame.command)) asked.broker.set(frame.command.opaque, frame.command.code);
    });
  }

  #pass(from, to, look) {
    this.#sockets.add(from);
    const parser = new this.#remoting.FrameParser((bytes, start, end) => {
      const copy = Buffer.from(bytes.subarray(start, end));
      look({ bytes: copy, command: this.#remoting.decodeFrame(copy, 0, copy.length) });
    });
    from.on('data', (chunk) => {
      try {
        // Its frames stay views of the chunk while they are looked at, so it is looked at before it is handed on.
        parser.push(Buffer.from(chunk));
      } catch (error) {
        this.problems.add(`a stream cannot be cut into frames: ${error.message}`);
      }
      to.write(chunk);
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }

  #fromJava({ bytes, command }, asked) {
    // The clients of Node come this way as well.
    if (command.language !== JAVA) return;
    this.seen++;
    const { isResponse, isOneway } = this.#protocol;
    const answer = isResponse(command);
    const requestCode = answer ? asked.broker.get(command.opaque) : command.code;
    if (requestCode === undefined) return;
    const kind = answer ? 'answer' : isOneway(command) ? 'oneway' : 'request';
    const form = command.serializeType === 1 ? 'binary' : 'JSON';
    const name = `${this.#client} ${form} ${kind} ${this.#protocol.requestCodeName(requestCode)}`;
    for (const problem of this.#differences(bytes, command, answer, requestCode))
      this.problems.add(`${name}: ${problem}`);
    if (bytes.length > LONGEST && this.frames.has(name)) return;
    const known = this.frames.get(name);
    if (known === undefined || bytes.length < known.bytes.length)
      this.frames.set(name, { name, kind, requestCode, bytes });
  }

  *#differences(bytes, command, answer, requestCode) {
    const { encodeFrame, decodeFrame } = this.#remoting;
    const written = encodeFrame(command, command.serializeType, (from, put) => {
      for (const [name, value] of from.extFields) put(name, value);
    });
    if (command.serializeType === 1) {
      if (!written.equals(bytes)) yield `${bytes.toString('hex')} becomes ${written.toString('hex')}`;
    } else {
      const again = decodeFrame(written, 0, written.length);
      if (!sameCommand(again, command)) yield `${bytes.toString('latin1')} becomes ${written.toString('latin1')}`;
    }
    if (answer) return;
    const schema = this.#protocol.requestHeaderSchema(requestCode);
    const kept = new Map();
    schema.toFields(schema.fromFields(command.extFields), (name, value) => kept.set(name, value));
    for (const [name, value] of command.extFields) {
      if (UNREAD.has(name) && !kept.has(name)) continue;
      // Java's greatest number means "no end"; so does ours.
      if (value === GREATEST && kept.get(name) === String(Number.MAX_SAFE_INTEGER)) continue;
      if (kept.get(name) !== value) yield `the field ${name} = ${value} becomes ${kept.get(name)}`;
    }
  }
}

function sameCommand(one, other) {
  const plain = ({ extFields, body, ...rest }) => JSON.stringify([rest, [...extFields], body?.toString('hex')]);
  return plain(one) === plain(other);
}
