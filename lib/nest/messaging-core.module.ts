import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ConnectionEnvironment, MessagingConnections } from './connection/index.js';
import { TransactionExplorer } from './transactions/index.js';
import { ListenerExplorer, MessageListenerRegistry, MessagingOrchestrator } from './listeners/index.js';

/** What an application has once, however many connections it has. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    ConnectionEnvironment,
    MessagingConnections,
    ListenerExplorer,
    TransactionExplorer,
    MessageListenerRegistry,
    MessagingOrchestrator,
  ],
  exports: [ConnectionEnvironment, MessagingConnections, MessageListenerRegistry],
})
export class MessagingCoreModule {}
