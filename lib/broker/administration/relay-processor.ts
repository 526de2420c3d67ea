import {
  type ConsumeDirectlyRequestHeader,
  type ConsumerRunningInfoRequestHeader,
  type ConsumerStatusRequestHeader,
  createRequest,
  createResponse,
  decodeMemberPositions,
  decodeOffsetMessageId,
  encodeGroupPositions,
  MessagingError,
  type QueueOffset,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import type { Channel, Respond } from '../../remoting/index.js';
import { answerLater, NO_FIELDS, refusal, success } from '../answers.js';
import type { GroupMember } from '../consumer-group.js';
import { recordBytes } from './message-processor.js';
import type { AdminParts, Handlers } from './parts.js';
import { Version } from './rocketmq-versions.js';

/** How long a client may take to answer: RocketMQ's numbers. */
const STATUS_MILLIS = 5_000;
const RELAY_MILLIS = 10_000;

/** What only the clients themselves can answer: handed on to them, and their answers back. */
export class RelayProcessor {
  constructor(private readonly parts: AdminParts) {}

  get handlers(): Handlers {
    return [
      [RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, this.positions],
      [RequestCode.GET_CONSUMER_RUNNING_INFO, this.runningInfo],
      [RequestCode.CONSUME_MESSAGE_DIRECTLY, this.consume],
    ];
  }

  private readonly positions = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    answerLater(this.ask(request.header as ConsumerStatusRequestHeader), respond, (members) =>
      success(encodeGroupPositions(members)),
    );
  };

  private readonly runningInfo = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const { consumerGroup, clientId, jstackEnable } = request.header as ConsumerRunningInfoRequestHeader;
    const member = this.memberOf(consumerGroup, clientId);
    const header: ConsumerRunningInfoRequestHeader = { consumerGroup, clientId, jstackEnable: jstackEnable ?? false };
    this.relay(member, createRequest(request.code, header), consumerGroup, respond);
  };

  private readonly consume = (request: RemotingCommand, _channel: Channel, respond: Respond): void => {
    const asked = request.header as ConsumeDirectlyRequestHeader;
    if (asked.msgId === undefined) {
      throw new MessagingError('BAD_ARGUMENT', 'Name the message: its offset message id, as msgId.');
    }
    const { physicalOffset } = decodeOffsetMessageId(asked.msgId);
    const member = this.memberOf(asked.consumerGroup, asked.clientId);
    const { store, options } = this.parts;
    recordBytes(store, physicalOffset).then(
      (body) => {
        const header: ConsumeDirectlyRequestHeader = {
          ...asked,
          clientId: member.clientId,
          brokerName: options.name,
          topicSysFlag: asked.topic === undefined ? undefined : store.topics.get(asked.topic)?.topicSysFlag,
          groupSysFlag: 0,
        };
        this.relay(member, createRequest(request.code, header, body), asked.consumerGroup, respond);
      },
      (error: unknown) => answerLater(Promise.reject(error as Error), respond, () => success()),
    );
  };

  private relay(member: GroupMember, request: RemotingCommand, group: string, respond: Respond): void {
    const { clientId, channel, version } = member;
    if (version < Version.V3_1_8) {
      const remark = `NOT_SUPPORTED: The Consumer <${clientId}> is too old to answer; upgrade it to V3_1_8 or later`;
      respond(refusal(ResponseCode.SYSTEM_ERROR, remark));
      return;
    }
    channel.invoke(request, RELAY_MILLIS).then(
      ({ code, remark, body }) => respond(createResponse(code, NO_FIELDS, remark, body)),
      (error: unknown) => {
        const late = error instanceof MessagingError && error.code === 'TIMEOUT';
        const remark = `consumer <${group}> <${clientId}> ${late ? 'Timeout' : 'Exception'}: ${(error as Error).message}`;
        respond(
          refusal(
            late ? ResponseCode.CONSUME_MSG_TIMEOUT : ResponseCode.SYSTEM_ERROR,
            `${late ? 'TIMEOUT' : 'BROKER_ERROR'}: ${remark}`,
          ),
        );
      },
    );
  }

  /** The positions of the members that answer; one that does not is left out. */
  private async ask({
    topic,
    group: name,
    clientAddr,
  }: ConsumerStatusRequestHeader): Promise<Map<string, QueueOffset[]>> {
    const wanted = clientAddr === undefined || clientAddr === '' ? undefined : clientAddr;
    const members = wanted === undefined ? this.membersOf(name) : [this.memberOf(name, wanted)];
    const old = members.find(({ version }) => version < Version.V3_0_7);
    if (old !== undefined) {
      throw new MessagingError('BROKER_ERROR', `The client ${old.clientId} is too old to be asked for its positions.`);
    }
    const found = new Map<string, QueueOffset[]>();
    await Promise.all(
      members.map(async ({ clientId, channel }) => {
        const request = createRequest(RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, { topic, group: name });
        try {
          const answer = await channel.invoke(request, STATUS_MILLIS);
          if (answer.code !== ResponseCode.SUCCESS || answer.body === undefined) throw new Error(answer.remark);
          found.set(clientId, decodeMemberPositions(answer.body));
        } catch (error) {
          this.parts.platform.logger.warn(
            `The consumer ${clientId} of group ${name} did not say where it is: ${(error as Error).message}`,
          );
        }
      }),
    );
    return found;
  }

  private membersOf(name: string): GroupMember[] {
    const members = [...(this.parts.consumers.group(name)?.members() ?? [])];
    if (members.length > 0) return members;
    throw new MessagingError('BROKER_ERROR', `No Any Consumer online in the consumer group: [${name}]`);
  }

  /** Without an id any member. */
  private memberOf(name: string, clientId: string | undefined): GroupMember {
    const group = this.parts.consumers.group(name);
    const member = clientId === undefined || clientId === '' ? this.membersOf(name)[0] : group?.member(clientId);
    if (member !== undefined) return member;
    throw new MessagingError('BROKER_ERROR', `The Consumer <${name}> <${clientId}> not online`);
  }
}
