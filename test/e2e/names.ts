import { subjects } from './subjects.js';

/** Names of the whole contract. */
export function allBehaviours(): string[] {
  return subjects.flatMap((subject) => subject.behaviours.map((behaviour) => behaviour.name));
}
