import type { IdempotentOptions } from '../../idempotency/index.js';
import type { HostClass } from '../nest-internals.js';
import type { BindingSettings } from './binding-settings.js';
import type { Planned, PlanWords } from './consumer-plan.js';

/** One `@MessageListener`, checked and with all defaults. */
export interface ListenerDefinition extends Planned {
  /** `Class.method`, with a number behind it when there are several; unique in the application. */
  readonly name: string;
  readonly settings: BindingSettings;
  /** Of a batch listener: the class of one payload. */
  readonly elementType: unknown;
  readonly host: HostClass;
  readonly methodName: string;
  /** What `@Idempotent` says; undefined: it does not stand there. */
  readonly idempotent: IdempotentOptions | false | undefined;
}

export const LISTENER_WORDS: PlanWords<ListenerDefinition> = {
  describe: ({ name, host }) => `${name} (${host.moduleName})`,
  twice: (a, b) => {
    const same = a.host.prototype === b.host.prototype && a.methodName === b.methodName && a.host !== b.host;
    if (!same) return undefined;
    return `${a.host.name} is provided by ${a.host.moduleName} and by ${b.host.moduleName}: provide it once and export it`;
  },
};
