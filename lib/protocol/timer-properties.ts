import { ExtensionProperty } from './extensions.js';
import { PropertyName } from './property-names.js';

/** What made a message wait, and what only described the record that was parked meanwhile: nothing of it is handed on. */
export const PARKING_PROPERTIES: readonly string[] = [
  PropertyName.DELAY_TIME_LEVEL,
  PropertyName.TIMER_DELAY_SEC,
  PropertyName.TIMER_DELAY_MS,
  PropertyName.TIMER_DELIVER_MS,
  PropertyName.TIMER_OUT_MS,
  PropertyName.TIMER_ENQUEUE_MS,
  PropertyName.TIMER_DEQUEUE_MS,
  PropertyName.TIMER_ROLL_TIMES,
  ExtensionProperty.TIMER_SOURCE,
  ExtensionProperty.COPIED_FROM,
  ExtensionProperty.FIRST_STORED_AT,
];
