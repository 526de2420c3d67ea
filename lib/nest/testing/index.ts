export type {
  ConsumedFilter,
  ConsumedMessage,
  DeadLetter,
  DeliveryOutcome,
  SentFilter,
  SentMessage,
} from './entries.js';
export type { DeliveryFault, SendFault } from './injected-faults.js';
export { MessagingTestKit } from './messaging-test-kit.js';
export { MessagingTestingModule, type MessagingTestingModuleOptions } from './messaging-testing.module.js';
export type { Redeliverable } from './redelivery.js';
export type { MessagingTestKitOptions, TestConnection } from './test-kit-options.js';
