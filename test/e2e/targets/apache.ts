import type { Capability } from '../behaviour.js';
import { RealWorld } from './real-world.js';
import type { Target } from './target.js';

/** @param nameServer `host:port` of the NameServer of a running cluster. */
export function apache(nameServer: string): Target {
  return {
    name: 'Apache RocketMQ 5.3',
    capabilities: new Set<Capability>([]),
    open: async () => new RealWorld(nameServer),
  };
}
