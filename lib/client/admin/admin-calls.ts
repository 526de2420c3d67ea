import {
  createRequest,
  decodeClusterInfo,
  type MessageQueue,
  MessagingError,
  RequestCode,
  ResponseCode,
} from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import type { NameServers } from '../connection/name-servers.js';
import { responseError } from '../connection/response-error.js';
import { MASTER_ID, masterAddress, type TopicRoute } from '../connection/topic-route.js';
import type { Producer } from '../producer/producer.js';

/** The inside of a client, for its administration. */
export interface AdminParts {
  readonly core: ClientCore;
  readonly nameServers: NameServers;
  readonly producer: Producer;
}

/** Resolves once the client is there: an application injects its administration before its connection is open. */
export type AdminAccess = () => Promise<AdminParts>;

/** A broker that takes orders. */
export interface Master {
  readonly brokerName: string;
  readonly address: string;
}

const NO_BODY = Buffer.alloc(0);

/** What all of administration does: find brokers, ask them, ask the NameServers. */
export class AdminCalls {
  constructor(private readonly access: AdminAccess) {}

  /**
   * In the next turn of the loop: a broker inside answers within this one, and somebody who asks again and again, or a
   * walk through a million letters, would let nobody else have one.
   */
  async parts(): Promise<AdminParts> {
    const parts = await this.access();
    await new Promise<void>((resolve) => parts.core.platform.clock.defer(resolve));
    return parts;
  }

  /** @throws MessagingError TOPIC_NOT_FOUND. */
  async route(topic: string): Promise<TopicRoute> {
    const route = await this.routeIfAny(topic);
    if (route !== undefined) return route;
    throw new MessagingError('TOPIC_NOT_FOUND', `There is no topic ${topic}; admin.topics.list() names those that are`);
  }

  async routeIfAny(topic: string): Promise<TopicRoute | undefined> {
    return (await this.parts()).core.routes.lookUp(topic);
  }

  /** Of the brokers that have the topic. Throws QUEUE_UNAVAILABLE when one of them has no master: its part would be missing. */
  masters(route: TopicRoute): Master[] {
    return [...route.brokers.keys()].toSorted().map((brokerName) => ({
      brokerName,
      address: this.master(route, brokerName),
    }));
  }

  master(route: TopicRoute, brokerName: string): string {
    const address = masterAddress(route, brokerName);
    if (address !== undefined) return address;
    throw new MessagingError(
      'QUEUE_UNAVAILABLE',
      `The broker ${brokerName} of ${route.topic} has no master at the moment; try again later`,
    );
  }

  /** Of all brokers. */
  async allMasters(): Promise<Master[]> {
    const body = await this.askNameServer(RequestCode.GET_BROKER_CLUSTER_INFO, {});
    const masters: Master[] = [];
    for (const [brokerName, { brokerAddrs }] of decodeClusterInfo(body).brokerAddrTable) {
      const address = brokerAddrs.get(MASTER_ID);
      if (address !== undefined) masters.push({ brokerName, address });
    }
    if (masters.length > 0) return masters;
    throw new MessagingError('CONNECT_FAILED', 'The NameServer knows no broker; start one, or try again later');
  }

  /** The body of a broker's answer. Rejects when it is none of success. */
  async ask(address: string, code: number, header: object, body?: Buffer): Promise<Buffer> {
    const { core } = await this.parts();
    const response = await core.brokers.ask(address, createRequest(code, header, body));
    return response.body ?? NO_BODY;
  }

  /** The same; undefined from a broker that does not know the request, as Apache's those of our own. */
  async askIfKnown(address: string, code: number, header: object, body?: Buffer): Promise<Buffer | undefined> {
    const { core } = await this.parts();
    const request = createRequest(code, header, body);
    const response = await core.brokers.call(address, request);
    if (response.code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED) return undefined;
    if (response.code !== ResponseCode.SUCCESS) throw core.brokers.failure(response, request, address);
    return response.body ?? NO_BODY;
  }

  /** Where a queue begins (GET_MIN_OFFSET) or ends (GET_MAX_OFFSET). */
  async offset(address: string, code: number, { topic, queueId }: MessageQueue): Promise<number> {
    const { core } = await this.parts();
    const response = await core.brokers.ask(address, createRequest(code, { topic, queueId }));
    return (response.header as { offset: number }).offset;
  }

  async askNameServer(code: number, header: object): Promise<Buffer> {
    const { nameServers } = await this.parts();
    const response = await nameServers.invoke(() => createRequest(code, header));
    if (response.code !== ResponseCode.SUCCESS) throw responseError(response, 'Asking the NameServer');
    return response.body ?? NO_BODY;
  }

  /** An order to every NameServer. */
  async tellNameServers(code: number, header: object): Promise<void> {
    const { nameServers } = await this.parts();
    for (const response of await nameServers.invokeAll(() => createRequest(code, header))) {
      if (response.code !== ResponseCode.SUCCESS) throw responseError(response, 'Telling the NameServers');
    }
  }
}

/** For reports: the topic is known from the question. */
export function placeOf({ brokerName, queueId }: MessageQueue): { brokerName: string; queueId: number } {
  return { brokerName, queueId };
}
