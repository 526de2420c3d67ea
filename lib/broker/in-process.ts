import { type Channel, IN_PROCESS_ADDRESS } from '../remoting/index.js';

/** Whether the client is in this process: then it dies with the broker, and comes back as another. */
export function isInProcess(channel: Channel): boolean {
  return channel.remoteAddress === IN_PROCESS_ADDRESS;
}
