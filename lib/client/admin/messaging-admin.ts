import { type AdminAccess, AdminCalls } from './admin-calls.js';
import { BacklogAdmin } from './backlog-admin.js';
import { ClusterAdmin } from './cluster-admin.js';
import { DeadLetterAdmin } from './dead-letter-admin.js';
import { GroupAdmin } from './group-admin.js';
import { MessageAdmin } from './message-admin.js';
import { TopicAdmin } from './topic-admin.js';
import { TraceAdmin } from './trace-admin.js';

/**
 * Administration of a broker or a cluster, from code: one property per subject. Every method may be called at any time
 * and rejects with a `MessagingError`; what it changes is durable when it resolves.
 *
 * @publicApi
 */
export class MessagingAdmin {
  readonly cluster: ClusterAdmin;
  readonly deadLetters: DeadLetterAdmin;
  readonly backlog: BacklogAdmin;
  readonly topics: TopicAdmin;
  readonly groups: GroupAdmin;
  readonly messages: MessageAdmin;
  readonly traces: TraceAdmin;

  /** @internal `client.admin`, or inject it. */
  constructor(access: AdminAccess) {
    const calls = new AdminCalls(access);
    this.cluster = new ClusterAdmin(calls);
    this.groups = new GroupAdmin(calls);
    this.topics = new TopicAdmin(calls, this.groups);
    this.backlog = new BacklogAdmin(calls, this.groups);
    this.messages = new MessageAdmin(calls);
    this.traces = new TraceAdmin(calls, this.messages);
    this.deadLetters = new DeadLetterAdmin(calls);
  }
}
