import type { SendResult, SendStatus } from './messages.js';

/** The result of a send that was stored. A class for the same reason as SendUnit. */
export class Stored implements SendResult {
  constructor(
    public status: SendStatus,
    public messageId: string,
    public offsetMessageId: string,
    public topic: string,
    public brokerName: string,
    public queueId: number,
    public queueOffset: number,
    public messageIds: string[] | undefined,
    public duplicate: boolean | undefined,
  ) {}
}
