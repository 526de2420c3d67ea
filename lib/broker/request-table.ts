import { type RemotingCommand, requestCodeName, ResponseCode } from '../protocol/index.js';
import type { Channel, RequestHandler, Respond } from '../remoting/index.js';
import { failure, refusal } from './answers.js';

/** Answers a request by its code. A processor that throws answers with its error; an unknown code is refused. */
export function serveByTable(handlers: ReadonlyMap<number, RequestHandler>): RequestHandler {
  return (request: RemotingCommand, channel: Channel, respond: Respond): void => {
    const handler = handlers.get(request.code);
    if (handler === undefined) {
      respond(
        refusal(
          ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
          `NOT_SUPPORTED:  request type ${requestCodeName(request.code)} not supported`,
        ),
      );
      return;
    }
    try {
      handler(request, channel, respond);
    } catch (error) {
      respond(failure(error));
    }
  };
}
