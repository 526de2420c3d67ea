export { MessagePuller, type PulledMessage } from './message-puller.js';
export { pullConsumerOptions, type PullOptions } from './pull-options.js';
