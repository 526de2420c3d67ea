import { CAPABILITIES, type CapabilityName } from '../../../lib/client/connection/capability-table.js';
import type { Capability } from '../behaviour.js';
import { exclusions, REASONS, type Reason } from './apache-exclusions.js';
import { RealWorld } from './real-world.js';
import type { Target } from './target.js';

const WHY: ReadonlyMap<string, Reason> = new Map(
  Object.entries(exclusions).flatMap(([reason, names]) => names.map((name) => [name, reason as Reason] as const)),
);

/** @param nameServer `host:port` of the NameServer of a running cluster. */
export function apache(nameServer: string): Target {
  return {
    name: 'Apache RocketMQ 5.3',
    capabilities: new Set<Capability>([]),
    excludes: (name) => {
      const reason = WHY.get(name);
      return reason === undefined ? undefined : why(reason);
    },
    open: async () => new RealWorld(nameServer),
  };
}

function why(reason: Reason): string {
  if (!isCapability(reason)) return REASONS[reason];
  const { what, apache5 } = CAPABILITIES[reason];
  return `${what}: ${apache5}`;
}

function isCapability(reason: Reason): reason is CapabilityName {
  return reason in CAPABILITIES;
}
