import type { BrokerSettings } from './broker-settings.js';

/** RocketMQ's size of a log file: a broker on its own has the disk to itself. */
const SEGMENT_BYTES = 1024 ** 3;

/**
 * Completes the settings of a broker that is no part of an application. Its defaults differ in two: it listens, and its log
 * files have 1 GiB; in memory a log file is taken whole, so there they stay small.
 */
export function standaloneSettings(settings: BrokerSettings): BrokerSettings {
  return {
    ...settings,
    listen: settings.listen ?? true,
    segmentBytes: settings.segmentBytes ?? (settings.memory === true ? undefined : SEGMENT_BYTES),
  };
}
