import type { Clock, Logger } from '../../platform/index.js';
import {
  createResponse,
  type RemotingCommand,
  RequestCode,
  requestCodeName,
  ResponseCode,
  SignatureField,
  SigningKey,
} from '../../protocol/index.js';
import { type Admission, type Channel, parseAddress } from '../../remoting/index.js';
import { accessRule, isNeverServed } from './access-rules.js';
import type { Grant } from './account.js';
import type { Accounts } from './accounts.js';
import { ClientIds } from './client-ids.js';
import { describeNeed, PUB, topicNeed } from './need.js';

/** At most one line per this many milliseconds: whoever tries keys must not fill the log. */
const LOG_GAP = 10_000;
/** RocketMQ's clients up to 4.9.3 leave this field out of what they sign, later ones do not. */
const SOMETIMES_UNSIGNED = '_UNIQUE_KEY_QUERY';
/** No request has nearly as many; sorting 100,000 to see that they are not signed would hold up everybody. */
const MOST_FIELDS = 512;
const NOBODY = new SigningKey('nobody has this key');

/** Whoever comes from a white address without credentials. */
const WHITE: Grant = { name: 'a white address', admin: false, may: (need) => need.on !== 'administration' };

/** Not an error: making the stack of one for each request of a flood would cost more than answering it. */
interface Refusal {
  readonly code: number;
  readonly text: string;
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();
const NO_CREDENTIALS = denied(
  'this broker asks for credentials. Give the client credentials, a Java client an AclClientRPCHook',
);
/** Whether the account or the signature is wrong is nobody's business. */
const WRONG_CREDENTIALS = denied(
  'the credentials are not accepted. Compare accessKey and secretKey of the client with the accounts of the broker',
);

/** Lets requests from the network through, or says why not. What it has no rule for, it refuses. */
export class AccessGuard {
  /** Requests that were refused. */
  refused = 0;
  private readonly clientIds = new ClientIds();
  /** Who greeted on which connection. */
  private readonly greeted = new WeakMap<Channel, Grant>();
  private lastLog = Number.NEGATIVE_INFINITY;

  constructor(
    private accounts: Accounts,
    /** Whether anything serves the code: what nobody serves is answered as unsupported to whoever has an account. */
    private readonly isServed: (code: number) => boolean,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Counts from the next request on, on connections that are open as well. */
  renew(accounts: Accounts): void {
    this.accounts = accounts;
  }

  /** Any producer may name any group: what it is asked about has to be a topic that it may send to. */
  readonly mayCheck = (channel: Channel, topic: string): boolean => {
    const grant = this.greeted.get(channel);
    // A connection of this process has not come by here.
    if (grant === undefined) return true;
    return (this.accounts.find(grant.name) ?? grant).may(topicNeed(topic, PUB));
  };

  readonly admit: Admission = (request, channel) => {
    const refusal = this.refusalOf(request, channel);
    if (refusal === undefined) return undefined;
    this.refused++;
    this.warn(`Refused request ${request.code} of ${channel.remoteAddress}: ${refusal.text}`);
    return createResponse(refusal.code, {}, refusal.text);
  };

  private refusalOf(request: RemotingCommand, channel: Channel): Refusal | undefined {
    try {
      const grant = this.authenticate(request, channel);
      return 'may' in grant ? this.authorize(grant, request, channel) : grant;
    } catch {
      // A body that is none: what it would have named is not known.
      return { code: ResponseCode.INVALID_PARAMETER, text: 'BAD_ARGUMENT: the request cannot be read' };
    }
  }

  private authenticate(request: RemotingCommand, channel: Channel): Grant | Refusal {
    const fields = request.extFields ?? NO_FIELDS;
    const accessKey = fields.get(SignatureField.ACCESS_KEY);
    const { host } = parseAddress(channel.remoteAddress);
    if (accessKey === undefined) return this.accounts.white(host) ? WHITE : NO_CREDENTIALS;
    if (fields.size > MOST_FIELDS) return WRONG_CREDENTIALS;
    const account = this.accounts.find(accessKey);
    const signature = fields.get(SignatureField.SIGNATURE) ?? '';
    const signed = isSigned(account?.key ?? NOBODY, signature, request, fields);
    if (account !== undefined && signed) return account;
    // Named, not proven: good for topics and groups, as the setting says.
    if (account?.white(host) === true)
      return { name: account.name, admin: false, may: (need) => need.on !== 'administration' && account.may(need) };
    return WRONG_CREDENTIALS;
  }

  private authorize(grant: Grant, request: RemotingCommand, channel: Channel): Refusal | undefined {
    const { code } = request;
    const rule = accessRule(code);
    if (rule === undefined) {
      if (this.isServed(code) || isNeverServed(code))
        return denied(`nobody may send ${requestCodeName(code)} to a broker`);
      return {
        code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
        text: `NOT_SUPPORTED:  request type ${code} not supported`,
      };
    }
    if (code === RequestCode.HEART_BEAT) this.greeted.set(channel, grant);
    if (grant.admin) return undefined;
    const missing = rule(request).find((need) => !grant.may(need));
    if (missing !== undefined) {
      const who = JSON.stringify(shown(grant.name));
      return denied(`${who} would need ${describeNeed(missing)} for ${requestCodeName(code)}`);
    }
    if (this.clientIds.accepts(request, grant.name, channel)) return undefined;
    return denied('the client id belongs to a client of another account; let each client make its own');
  }

  private warn(line: string): void {
    const now = this.clock.monotonic();
    if (now - this.lastLog < LOG_GAP) return;
    this.lastLog = now;
    this.logger.warn(`${line} (${this.refused} refused so far)`);
  }
}

function isSigned(
  key: SigningKey,
  signature: string,
  { body }: RemotingCommand,
  fields: ReadonlyMap<string, string>,
): boolean {
  if (key.verify(signature, fields, body)) return true;
  return fields.has(SOMETIMES_UNSIGNED) && key.verify(signature, fields, body, SOMETIMES_UNSIGNED);
}

function denied(why: string): Refusal {
  return { code: ResponseCode.NO_PERMISSION, text: `NO_PERMISSION: ${why}` };
}

/** An access key may be as long as its owner likes. */
function shown(name: string): string {
  return name.length <= 64 ? name : `${name.slice(0, 64)}…`;
}
