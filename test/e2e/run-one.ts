import type { Behaviour } from './behaviour.js';
import type { Target } from './targets/target.js';
import { World } from './world.js';

/** Shows one behaviour on a fresh broker. What fails while it closes counts as well: a broker that cannot stop is broken. */
export async function show(behaviour: Behaviour, target: Target): Promise<void> {
  const world = new World(await target.open());
  try {
    await behaviour.run(world);
  } catch (error) {
    await world.close().catch(() => undefined);
    throw error;
  }
  await world.close();
}

/** What the target lacks for the behaviour; empty when it can be shown there. */
export function lacking(behaviour: Behaviour, target: Target): string[] {
  return behaviour.needs.filter((need) => !target.capabilities.has(need));
}

/** Why the behaviour is not shown on the target; undefined: it is. */
export function leftOut(behaviour: Behaviour, target: Target): string | undefined {
  const missing = lacking(behaviour, target);
  return missing.length > 0 ? `needs ${missing.join(', ')}` : target.excludes?.(behaviour.name);
}
