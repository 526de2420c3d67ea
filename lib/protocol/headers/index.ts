export {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeResponseHeader,
  requestBody,
  requestHeaderSchema,
  responseBody,
  responseHeaderSchema,
} from './header-table.js';
export type { EmptyHeader, HeaderSchema } from './schema.js';
export type { SendMessageRequestHeader, SendMessageResponseHeader } from './send.js';
export type {
  GetConsumeStatsRequestHeader,
  GetGroupsOfTopicRequestHeader,
  ResetClientOffsetRequestHeader,
  ResetOffsetRequestHeader,
} from './positions.js';
export type {
  BrokerConfigResponseHeader,
  BrokerConsumeStatsRequestHeader,
  BrokerStatsRequestHeader,
  CloneOffsetRequestHeader,
  ConsumeDirectlyRequestHeader,
  ConsumeQueueRequestHeader,
  ConsumerRunningInfoRequestHeader,
  ConsumerStatusRequestHeader,
  ConsumeTimeSpanRequestHeader,
  CorrectionOffsetRequestHeader,
  DeleteGroupRequestHeader,
  GetAllGroupsRequestHeader,
  GetAllGroupsResponseHeader,
  GetAllTopicConfigRequestHeader,
  GetAllTopicConfigResponseHeader,
  GroupForbiddenRequestHeader,
  GroupRequestHeader,
  ProducerGroupRequestHeader,
  ResumeHalfRequestHeader,
} from './administration.js';
export type { HoldKeysRequestHeader, HoldKeysResponseHeader, SpreadKeysRequestHeader } from './keys.js';
export type { PullMessageRequestHeader, PullMessageResponseHeader } from './pull.js';
export type { ConsumerSendMsgBackRequestHeader } from './send-back.js';
export type { DeadLetterStatesRequestHeader, MarkDeadLettersRequestHeader } from './dead-letters.js';
export type { HandleAloneRequestHeader } from './suspects.js';
export type {
  GetEarliestMsgStoretimeRequestHeader,
  GetEarliestMsgStoretimeResponseHeader,
  GetMaxOffsetRequestHeader,
  GetMaxOffsetResponseHeader,
  GetMinOffsetRequestHeader,
  GetMinOffsetResponseHeader,
  QueryConsumerOffsetRequestHeader,
  QueryConsumerOffsetResponseHeader,
  SearchOffsetRequestHeader,
  SearchOffsetResponseHeader,
  UpdateConsumerOffsetRequestHeader,
} from './offsets.js';
export type {
  GetConsumerListByGroupRequestHeader,
  HeartbeatResponseHeader,
  NotifyConsumerIdsChangedRequestHeader,
  UnregisterClientRequestHeader,
} from './clients.js';
export type {
  CreateTopicRequestHeader,
  DeleteTopicRequestHeader,
  GetRouteInfoRequestHeader,
  ViewMessageRequestHeader,
} from './topics.js';
export type { QueryMessageRequestHeader, QueryMessageResponseHeader } from './queries.js';
export type { ReplyMessageRequestHeader } from './replies.js';
export type { JoinStoreRequestHeader, JoinStoreResponseHeader } from './sharing.js';
export type { CheckTransactionStateRequestHeader, EndTransactionRequestHeader } from './transactions.js';
export type {
  RegisterBrokerRequestHeader,
  RegisterBrokerResponseHeader,
  UnregisterBrokerRequestHeader,
} from './registration.js';
export type {
  AddWritePermResponseHeader,
  BrokerHeartbeatRequestHeader,
  BrokerMembersRequestHeader,
  BrokerNameRequestHeader,
  DeleteTopicFromRoutesRequestHeader,
  GetKvConfigResponseHeader,
  KvConfigRequestHeader,
  KvNamespaceRequestHeader,
  PutKvConfigRequestHeader,
  QueryDataVersionRequestHeader,
  QueryDataVersionResponseHeader,
  TopicsByClusterRequestHeader,
  WipeWritePermResponseHeader,
} from './name-server.js';
