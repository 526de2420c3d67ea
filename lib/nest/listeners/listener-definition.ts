import type { ConsumeMode, DeliveryGuarantee } from '../../client/index.js';
import type { MessageFilter } from '../../protocol/index.js';
import type { HostClass } from '../nest-internals.js';
import type { BindingSettings } from './binding-settings.js';

/** One `@MessageListener`, checked and with all defaults. */
export interface ListenerDefinition {
  /** `Class.method`, with a number behind it when there are several; unique in the application. */
  readonly name: string;
  readonly connection: string;
  readonly group: string;
  readonly topic: string;
  readonly filter: MessageFilter;
  readonly mode: ConsumeMode;
  readonly from: 'latest' | 'earliest' | Date;
  readonly delivery: DeliveryGuarantee;
  readonly settings: BindingSettings;
  /** Of a batch listener: the class of one payload. */
  readonly elementType: unknown;
  readonly host: HostClass;
  readonly methodName: string;
}
