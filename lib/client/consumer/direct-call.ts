import { decodeRecord, type DirectResult, type DirectResultName } from '../../protocol/index.js';
import { ConsumeMode } from '../consume-mode.js';
import { runHandler } from '../dispatch/dispatcher.js';
import { reasonText, type Settlement } from '../settle/settle.js';
import type { GroupContext } from './group-context.js';
import { ProcessQueue } from './process-queue.js';
import type { PulledBodyDecoder } from './pulled-body.js';

/**
 * Gives one message to its listener because a tool asked for it: the same way as a fetched one, except that what becomes
 * of it changes nothing, neither a position nor its retries. Throws RECORD_INVALID for bytes that are no message.
 */
export async function consumeDirectly(
  { core, settings }: GroupContext,
  decoder: PulledBodyDecoder,
  body: Buffer,
  brokerName: string,
): Promise<DirectResult> {
  const { topic, queueId, queueOffset } = decodeRecord(body);
  const queue = new ProcessQueue({ topic, brokerName, queueId }, queueOffset, false);
  const { deliveries } = await decoder.decode(queue, body, queueOffset + 1);
  const start = core.platform.clock.monotonic();
  const result = (consumeResult: DirectResultName, remark?: string): DirectResult => ({
    order: settings.mode === ConsumeMode.ORDERLY,
    autoCommit: true,
    consumeResult,
    remark,
    spentTimeMills: Math.round(core.platform.clock.monotonic() - start),
  });
  const [delivery] = deliveries;
  if (delivery === undefined) {
    return result('CR_RETURN_NULL', `No listener of the group ${settings.group} wants this message of ${topic}`);
  }
  const settlement = await runHandler(delivery, core);
  return result(...nameOf(settlement));
}

function nameOf(settlement: Settlement): [DirectResultName, string?] {
  if (settlement.kind === 'acknowledge') return ['CR_SUCCESS'];
  const asked = settlement.kind !== 'dead-letter' && settlement.delayMillis !== undefined;
  return [asked ? 'CR_LATER' : 'CR_THROW_EXCEPTION', reasonText(settlement.error)];
}
