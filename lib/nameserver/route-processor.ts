import {
  type AddWritePermResponseHeader,
  type BrokerMembersRequestHeader,
  type BrokerNameRequestHeader,
  decodeTopicRouteData,
  type DeleteTopicFromRoutesRequestHeader,
  encodeBrokerMembers,
  encodeClusterInfo,
  encodeTopicList,
  encodeTopicRouteData,
  type GetRouteInfoRequestHeader,
  type RemotingCommand,
  RequestCode,
  ResponseCode,
  type TopicsByClusterRequestHeader,
  type WipeWritePermResponseHeader,
} from '../protocol/index.js';
import type { RequestHandler } from '../remoting/index.js';
import { answering, refusal, success } from './answers.js';
import { type KvConfig, ORDER_TOPIC_CONFIG } from './kv-config.js';
import type { NameServerConfig } from './options.js';
import type { RouteTable } from './route-table.js';
import type { TopicKind } from './topic-queues.js';

const NO_BODY = Buffer.alloc(0);

/** Tells which brokers have what; and takes topics and brokers in and out by order of an administrator. */
export class RouteProcessor {
  readonly handlers: readonly [number, RequestHandler][] = [
    [RequestCode.GET_ROUTEINFO_BY_TOPIC, answering((request) => this.route(request))],
    [RequestCode.GET_BROKER_CLUSTER_INFO, answering(() => success({}, encodeClusterInfo(this.routes.clusterInfo())))],
    [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, answering(() => this.allTopics())],
    [RequestCode.GET_TOPICS_BY_CLUSTER, answering((request) => this.topicsOfCluster(request))],
    [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS, answering(() => topicList(this.routes.systemTopics()))],
    [RequestCode.GET_UNIT_TOPIC_LIST, this.topicsOfKind('unit')],
    [RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST, this.topicsOfKind('hasUnitSub')],
    [RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, this.topicsOfKind('hasUnitSubWithoutUnit')],
    [RequestCode.GET_BROKER_MEMBER_GROUP, answering((request) => this.members(request))],
    [RequestCode.DELETE_TOPIC_IN_NAMESRV, answering((request) => this.deleteTopic(request))],
    [RequestCode.REGISTER_TOPIC_IN_NAMESRV, answering((request) => this.registerTopic(request))],
    [RequestCode.WIPE_WRITE_PERM_OF_BROKER, answering((request) => this.setWritable(request, false))],
    [RequestCode.ADD_WRITE_PERM_OF_BROKER, answering((request) => this.setWritable(request, true))],
  ];

  constructor(
    private readonly routes: RouteTable,
    private readonly kv: KvConfig,
    private readonly config: NameServerConfig,
    /** The broker of this process, whose topics nobody else takes out of the routes. */
    private readonly isLocal: (brokerName: string) => boolean,
  ) {}

  private route({ header }: RemotingCommand): RemotingCommand {
    const { topic } = header as GetRouteInfoRequestHeader;
    const route = this.routes.route(
      topic,
      this.config.orderMessageEnable ? this.kv.get(ORDER_TOPIC_CONFIG, topic) : undefined,
    );
    if (route !== undefined) return success({}, encodeTopicRouteData(route));
    return refusal(
      ResponseCode.TOPIC_NOT_EXIST,
      `TOPIC_NOT_FOUND: No topic route info in name server for the topic: ${topic}`,
    );
  }

  private allTopics(): RemotingCommand {
    if (!this.config.enableAllTopicList) return refusal(ResponseCode.SYSTEM_ERROR, 'NO_PERMISSION: disable');
    return topicList({ topicList: this.routes.topicNames() });
  }

  private topicsOfCluster({ header }: RemotingCommand): RemotingCommand {
    const { cluster } = header as TopicsByClusterRequestHeader;
    return topicList({ topicList: this.routes.topicNamesOfCluster(cluster) });
  }

  private topicsOfKind(kind: TopicKind): RequestHandler {
    return answering(() => topicList({ topicList: this.routes.topicNamesOfKind(kind) }));
  }

  private members({ header }: RemotingCommand): RemotingCommand {
    const { clusterName, brokerName } = header as BrokerMembersRequestHeader;
    return success({}, encodeBrokerMembers(this.routes.members(clusterName, brokerName)));
  }

  private deleteTopic({ header }: RemotingCommand): RemotingCommand {
    const { topic, clusterName } = header as DeleteTopicFromRoutesRequestHeader;
    for (const brokerName of this.routes.brokersOf(topic)) {
      const isElsewhere = clusterName !== undefined && this.routes.clusterOf(brokerName) !== clusterName;
      if (!isElsewhere && !this.isLocal(brokerName)) this.routes.removeTopic(topic, brokerName);
    }
    return success();
  }

  private registerTopic({ header, body }: RemotingCommand): RemotingCommand {
    const { topic } = header as GetRouteInfoRequestHeader;
    this.routes.addTopic(topic, decodeTopicRouteData(body ?? NO_BODY));
    return success();
  }

  private setWritable({ header }: RemotingCommand, writable: boolean): RemotingCommand {
    const count = this.routes.setWritable((header as BrokerNameRequestHeader).brokerName, writable);
    if (writable) return success({ addTopicCount: count } satisfies AddWritePermResponseHeader);
    return success({ wipeTopicCount: count } satisfies WipeWritePermResponseHeader);
  }
}

function topicList(list: Parameters<typeof encodeTopicList>[0]): RemotingCommand {
  return success({}, encodeTopicList(list));
}
