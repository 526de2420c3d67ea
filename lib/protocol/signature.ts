import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { MessagingError } from './errors.js';

/** What a client proves itself with where the broker has access control. */
export interface Credentials {
  /** Names the account. */
  readonly accessKey: string;
  /** Never travels: requests are signed with it. */
  readonly secretKey: string;
  /** Of temporary keys; travels with each request. Default: none. */
  readonly securityToken?: string;
}

/** Extension fields of a signed request. */
export const SignatureField = {
  ACCESS_KEY: 'AccessKey',
  SECURITY_TOKEN: 'SecurityToken',
  SIGNATURE: 'Signature',
} as const;

/** RocketMQ asks for more than six characters of both keys. */
export const LEAST_KEY_LENGTH = 7;

/**
 * RocketMQ's signature: Base64 of HMAC-SHA1 over the values of all extension fields but `Signature`, in the order of their
 * names (by UTF-16 units, as Java compares), and the body behind them.
 *
 *    value of the first field ∥ value of the second ∥ … ∥ body
 *
 * It has no time and no nonce: whoever records a request can send it again. TLS keeps others from recording.
 */
export class SigningKey {
  readonly #key: KeyObject;

  constructor(secretKey: string) {
    this.#key = createSecretKey(Buffer.from(secretKey, 'utf8'));
  }

  /** @param without A field that does not count. */
  sign(fields: ReadonlyMap<string, string>, body: Buffer | undefined, without?: string): Buffer {
    const names = [...fields.keys()].filter((name) => name !== SignatureField.SIGNATURE && name !== without).sort();
    let content = '';
    for (const name of names) content += fields.get(name)!;
    const hmac = createHmac('sha1', this.#key).update(content, 'utf8');
    return (body === undefined ? hmac : hmac.update(body)).digest();
  }

  /** Takes as long for a wrong signature as for the right one. */
  verify(signature: string, fields: ReadonlyMap<string, string>, body: Buffer | undefined, without?: string): boolean {
    const wanted = Buffer.from(this.sign(fields, body, without).toString('base64'));
    const given = Buffer.from(signature);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

/** @throws MessagingError CONFIGURATION; no key is in its message. */
export function checkCredentials(credentials: Credentials, where: string): void {
  const { accessKey, secretKey, securityToken } = credentials;
  const wrong = (what: string): MessagingError => new MessagingError('CONFIGURATION', `${where}${what}`);
  for (const [name, value] of Object.entries({ accessKey, secretKey })) {
    if (typeof value !== 'string' || value.length < LEAST_KEY_LENGTH)
      throw wrong(`.${name} must be a text of at least ${LEAST_KEY_LENGTH} characters.`);
  }
  if (securityToken !== undefined && (typeof securityToken !== 'string' || securityToken === ''))
    throw wrong('.securityToken must be a text that is not empty.');
  for (const name of Object.keys(credentials)) {
    if (name !== 'accessKey' && name !== 'secretKey' && name !== 'securityToken')
      throw wrong(` has no ${JSON.stringify(name)}; there are accessKey, secretKey, securityToken.`);
  }
}
