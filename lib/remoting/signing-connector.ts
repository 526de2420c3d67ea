import {
  checkCredentials,
  type Credentials,
  type RemotingCommand,
  requestBody,
  SignatureField,
  SigningKey,
} from '../protocol/index.js';
import type { Asker, Channel, Connector, RequestHandler } from './channel.js';
import { requestFields } from './header-fields.js';

/** Signs every request that goes out, oneway ones too; answers are not signed, nor are requests of the other end checked. */
export class SigningConnector implements Connector {
  private readonly signer: Signer;

  /** @throws MessagingError CONFIGURATION when the credentials are none. */
  constructor(
    private readonly inner: Connector,
    credentials: Credentials,
  ) {
    checkCredentials(credentials, 'credentials');
    this.signer = new Signer(credentials);
  }

  async connect(address: string): Promise<Channel> {
    return new SigningChannel(await this.inner.connect(address), this.signer);
  }
}

/** Keeps what is secret where no log and no inspection finds it. */
class Signer {
  readonly #key: SigningKey;
  readonly #accessKey: string;
  readonly #securityToken: string | undefined;

  constructor({ accessKey, secretKey, securityToken }: Credentials) {
    this.#key = new SigningKey(secretKey);
    this.#accessKey = accessKey;
    this.#securityToken = securityToken;
  }

  /** A copy: a request that is tried again is signed again. */
  sign(request: RemotingCommand): RemotingCommand {
    const fields = new Map<string, string>();
    requestFields(request, (name, value) => fields.set(name, value));
    fields.set(SignatureField.ACCESS_KEY, this.#accessKey);
    if (this.#securityToken !== undefined) fields.set(SignatureField.SECURITY_TOKEN, this.#securityToken);
    const body = requestBody(request);
    fields.set(SignatureField.SIGNATURE, this.#key.sign(fields, body).toString('base64'));
    return { ...request, extFields: fields, body };
  }
}

class SigningChannel implements Channel {
  constructor(
    private readonly inner: Channel,
    private readonly signer: Signer,
  ) {}

  get remoteAddress(): string {
    return this.inner.remoteAddress;
  }

  get closed(): boolean {
    return this.inner.closed;
  }

  call(request: RemotingCommand, timeoutMillis: number, asker: Asker): void {
    this.inner.call(this.signer.sign(request), timeoutMillis, asker);
  }

  invoke(request: RemotingCommand, timeoutMillis: number): Promise<RemotingCommand> {
    return this.inner.invoke(this.signer.sign(request), timeoutMillis);
  }

  oneway(request: RemotingCommand): void {
    this.inner.oneway(this.signer.sign(request));
  }

  /** Handlers get this channel: what they send on it by themselves has to be signed. */
  onRequest(handler: RequestHandler): void {
    this.inner.onRequest((request, _inner, respond) => handler(request, this, respond));
  }

  onClose(listener: (cause?: Error) => void): void {
    this.inner.onClose(listener);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
