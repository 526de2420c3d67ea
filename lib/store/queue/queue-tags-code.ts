import { delayLevelMillis, getProperty, PropertyName, SCHEDULE_TOPIC, tagsCode } from '../../protocol/index.js';

/**
 * What a consume queue keeps beside offset and size: the hash of the tag, or for RocketMQ's delay levels the time at
 * which the message is due.
 */
export function queueTagsCode(topic: string, properties: string, storeTimestamp: number): number {
  if (topic === SCHEDULE_TOPIC) {
    const level = Number(getProperty(properties, PropertyName.DELAY_TIME_LEVEL));
    if (level > 0) return storeTimestamp + delayLevelMillis(level);
  }
  return tagsCode(properties);
}
