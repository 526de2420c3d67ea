import { DEAD_LETTER_PREFIX, isDeadLetterTopic, isRetryTopic, RETRY_PREFIX } from '../../protocol/index.js';

/** Permissions, as bits. */
export const PUB = 1;
export const SUB = 2;

/** One thing that a request touches, with the permissions of which one is enough. */
export type Need =
  | { readonly on: 'topic' | 'group'; readonly name: string; readonly bits: number }
  | { readonly on: 'some topic'; readonly bits: number }
  | { readonly on: 'administration' };

export const ADMINISTRATION: Need = { on: 'administration' };

export function groupNeed(name: string): Need {
  return { on: 'group', name, bits: SUB };
}

/** What a group failed to handle, and what it gave up, is the group's: whoever receives for it may write it there as well. */
export function topicNeed(name: string, bits: number): Need {
  if (isRetryTopic(name)) return groupNeed(name.slice(RETRY_PREFIX.length));
  if (isDeadLetterTopic(name)) return groupNeed(name.slice(DEAD_LETTER_PREFIX.length));
  return { on: 'topic', name, bits };
}

/** For whoever is refused. */
export function describeNeed(need: Need): string {
  if (need.on === 'administration') return 'an administrator';
  const what = need.bits === SUB ? 'SUB' : need.bits === (PUB | SUB) ? 'PUB or SUB' : 'PUB';
  return need.on === 'some topic' ? `${what} on a topic` : `${what} on the ${need.on} ${shortName(need.name)}`;
}

function shortName(name: string): string {
  return name === '' ? '(none is named)' : JSON.stringify(name.slice(0, 127));
}
