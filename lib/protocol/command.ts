/** Bits of `RemotingCommand.flag`. */
export const FLAG_RESPONSE = 1;
export const FLAG_ONEWAY = 2;

/**
 * What travels between client, broker and NameServer: plain data, the same in process and on the wire.
 *
 * `header` is typed per request code (see `headers/`): numbers are numbers, absent optional fields are undefined.
 * In process it is handed over as it is; on the wire it becomes a map of strings.
 */
export interface RemotingCommand<H extends object = object> {
  /** Request code, or response code when bit 0 of `flag` is set. */
  code: number;
  /** Position in `LANGUAGES`: 7 is OTHER. */
  language: number;
  /** MQVersion ordinal of the sender; drives behaviour switches on the peer. */
  version: number;
  /** Request id, unique per direction of a connection; the response repeats it. Given by the channel. */
  opaque: number;
  flag: number;
  remark?: string;
  header: H;
  /** As they came from the wire: every extension field, also those that the header's type does not know. */
  extFields?: ReadonlyMap<string, string>;
  body?: Buffer;
  /** How the header came from the wire, so that the answer can mirror it: 0 JSON, 1 binary. */
  serializeType?: 0 | 1;
  /**
   * Set by whoever has served it before returning and keeps nothing of `body`, no view either: the channel that has received it
   * may put the next frame into the same memory.
   */
  bodySpent?: boolean;
}

export const LANGUAGE_OTHER = 7;
/** The ordinal of V5_3_3: what our broker and client announce. */
export const PROTOCOL_VERSION = 479;

/**
 * A class, so that it is always made young: literals that were seen to live until an answer came are made in the old part of the
 * heap from then on, and all that a dead one there points to is kept until the whole heap is collected.
 */
class Command<H extends object> implements RemotingCommand<H> {
  language = LANGUAGE_OTHER;
  version = PROTOCOL_VERSION;
  opaque = 0;
  extFields: ReadonlyMap<string, string> | undefined = undefined;
  serializeType: 0 | 1 | undefined = undefined;

  constructor(
    public code: number,
    public flag: number,
    public header: H,
    public remark: string | undefined,
    public body: Buffer | undefined,
  ) {}
}

export function createRequest<H extends object>(code: number, header: H, body?: Buffer): RemotingCommand<H> {
  return new Command(code, 0, header, undefined, body);
}

export function createResponse<H extends object>(
  code: number,
  header: H,
  remark?: string,
  body?: Buffer,
): RemotingCommand<H> {
  return new Command(code, FLAG_RESPONSE, header, remark, body);
}

export function isResponse(command: RemotingCommand): boolean {
  return (command.flag & FLAG_RESPONSE) !== 0;
}

export function isOneway(command: RemotingCommand): boolean {
  return (command.flag & FLAG_ONEWAY) !== 0;
}
