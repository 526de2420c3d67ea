import { createResponse, MessagingError, type RemotingCommand, ResponseCode } from '../protocol/index.js';
import type { Channel, RequestHandler } from '../remoting/index.js';

const NO_FIELDS: object = Object.freeze({});

export function success(header: object = NO_FIELDS, body?: Buffer): RemotingCommand {
  return createResponse(ResponseCode.SUCCESS, header, undefined, body);
}

export function refusal(code: number, remark: string): RemotingCommand {
  return createResponse(code, NO_FIELDS, remark);
}

/** A NameServer of RocketMQ has few codes for what goes wrong; ours stands at the beginning of the remark. */
export function failure(error: unknown): RemotingCommand {
  const isOurs = error instanceof MessagingError;
  const text = isOurs ? `${error.code}: ${error.message}` : `BROKER_ERROR: ${String(error)}`;
  const isForbidden = isOurs && error.code === 'NO_PERMISSION';
  return refusal(isForbidden ? ResponseCode.NO_PERMISSION : ResponseCode.SYSTEM_ERROR, text);
}

/** A handler from what it answers; what is thrown becomes a refusal. */
export function answering(answer: (request: RemotingCommand, channel: Channel) => RemotingCommand): RequestHandler {
  return (request, channel, respond) => {
    try {
      respond(answer(request, channel));
    } catch (error) {
      respond(failure(error));
    }
  };
}

/** The same for what takes a while. */
export function answeringLater(answer: (request: RemotingCommand) => Promise<RemotingCommand>): RequestHandler {
  return (request, _channel, respond) => {
    answer(request).then(respond, (error: unknown) => respond(failure(error)));
  };
}
