export { MessageStore } from './message-store.js';
export { markOf, messageOf } from './record-message.js';
export type { PutBatchCallback, PutManyCallback, PutOutcomes } from './put-outcomes.js';
export { readStoreHeader, STORE_FORMAT } from './store-header.js';
export type { Arrival, VisibleListener } from './dispatcher.js';
export type {
  AnswerRoom,
  DispatchEntry,
  DispatchTarget,
  LogAppender,
  LogReader,
  PutCallback,
  PutResult,
  QueueEntry,
  ReadQuery,
  ReadResult,
  ReadStatus,
  RetentionOptions,
  SegmentInfo,
  StoreHealth,
  StoreMessage,
  StoreMessages,
  StoreOptions,
  StoreState,
} from './types.js';
export type { DedupPlace } from './dedup/id-table.js';
export type { DedupStats, DedupWindow } from './dedup/dedup-window.js';
export type { IndexQuery } from './message-index/index-search.js';
export type { IndexStats, MessageIndex } from './message-index/message-index.js';
export type { TopicConfig, TopicDedup, TopicSettings, TopicTable } from './state/topic-table.js';
export type { GroupActivity, GroupConfig, GroupSettings, GroupTable } from './state/group-table.js';
export { JournaledTable } from './state/journaled-table.js';
export type { ConsumerProgress } from './state/consumer-progress.js';
export { LetterState, type SettledLetters } from './state/settled-letters.js';
export type { Half, HalfIndex } from './transactions/half-index.js';
export type { TimerService, TimerStats } from './timers/timer-service.js';
export type { RetentionStats } from './retention/retention-service.js';
