import {
  ExtensionCode,
  type MessagingError,
  type Namespace,
  type RemotingCommand,
  ResponseCode,
} from '../../protocol/index.js';
import type { Asker, Channel, Connector, RequestHandler, Respond } from '../../remoting/index.js';
import { namingBodies } from './bodies.js';
import { unwrapHeader, unwrapRemarks, wrapHeader } from './headers.js';

/**
 * The one place where names get their namespace and lose it: what a client says to brokers and NameServers, and what it
 * is told. On this side of it nothing has a namespace.
 */
export class NamespacedConnector implements Connector {
  constructor(
    private readonly inner: Connector,
    private readonly namespace: Namespace,
  ) {}

  async connect(address: string): Promise<Channel> {
    return new NamespacedChannel(await this.inner.connect(address), this.namespace);
  }
}

class NamespacedChannel implements Channel {
  constructor(
    private readonly inner: Channel,
    private readonly namespace: Namespace,
  ) {}

  get remoteAddress(): string {
    return this.inner.remoteAddress;
  }

  get closed(): boolean {
    return this.inner.closed;
  }

  call(request: RemotingCommand, timeoutMillis: number, asker: Asker): void {
    this.inner.call(
      wrapped(request, this.namespace),
      timeoutMillis,
      new Unwrapping(request.code, asker, this.namespace),
    );
  }

  async invoke(request: RemotingCommand, timeoutMillis: number): Promise<RemotingCommand> {
    const response = await this.inner.invoke(wrapped(request, this.namespace), timeoutMillis);
    return unwrappedAnswer(request.code, response, this.namespace);
  }

  oneway(request: RemotingCommand): void {
    this.inner.oneway(wrapped(request, this.namespace));
  }

  onRequest(handler: RequestHandler): void {
    this.inner.onRequest((request, _inner, respond) =>
      handler(unwrapped(request, this.namespace), this, wrappedAnswers(request.code, respond, this.namespace)),
    );
  }

  onClose(listener: (cause?: Error) => void): void {
    this.inner.onClose(listener);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** Stands between the answer and who asked. */
class Unwrapping implements Asker {
  constructor(
    private readonly code: number,
    private readonly asker: Asker,
    private readonly namespace: Namespace,
  ) {}

  answered(error: MessagingError | undefined, response: RemotingCommand | undefined): void {
    if (response === undefined) return this.asker.answered(error, undefined);
    let bare: RemotingCommand;
    try {
      bare = unwrappedAnswer(this.code, response, this.namespace);
    } catch (failure) {
      return this.asker.answered(failure as MessagingError, undefined);
    }
    this.asker.answered(undefined, bare);
  }
}

// Commands are copied: in process the other end has the same object, and a request may be tried again.

function wrapped(request: RemotingCommand, namespace: Namespace): RemotingCommand {
  const { code, header, body } = request;
  const translate = body === undefined ? undefined : namingBodies(code)?.request;
  return {
    ...request,
    header: wrapHeader(code, header, namespace),
    body: translate === undefined ? body : translate(body!, namespace),
  };
}

function unwrapped(request: RemotingCommand, namespace: Namespace): RemotingCommand {
  const { code, header, body } = request;
  const translate = body === undefined ? undefined : namingBodies(code)?.request;
  return {
    ...request,
    header: unwrapHeader(header, namespace),
    body: translate === undefined ? body : translate(body!, namespace),
  };
}

function wrappedAnswers(code: number, respond: Respond, namespace: Namespace): Respond {
  const translate = namingBodies(code)?.answer;
  if (translate === undefined) return respond;
  return (answer) =>
    respond(answer.body === undefined ? answer : { ...answer, body: translate(answer.body, namespace) });
}

function unwrappedAnswer(code: number, response: RemotingCommand, namespace: Namespace): RemotingCommand {
  const { body, remark } = response;
  if (response.code !== ResponseCode.SUCCESS) {
    // What the broker says is wrong goes into errors and logs.
    return remark === undefined ? response : { ...response, remark: namespace.unwrapText(remark) };
  }
  if (code === ExtensionCode.SEND_PACK) return { ...response, header: unwrapRemarks(response.header, namespace) };
  const translate = body === undefined ? undefined : namingBodies(code)?.response;
  return translate === undefined ? response : { ...response, body: translate(body!, namespace) };
}
