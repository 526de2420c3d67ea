/**
 * RocketMQ's AVG strategy: every member computes the same split from the same two sorted lists, each gets a run of
 * neighbouring queues, the first members one more when it does not divide.
 */
export function allocateAveragely<Q>(queues: readonly Q[], members: readonly string[], self: string): Q[] {
  const index = members.indexOf(self);
  if (index < 0 || queues.length === 0) return [];
  const rest = queues.length % members.length;
  const share = Math.floor(queues.length / members.length);
  const size = index < rest ? share + 1 : share;
  const start = index < rest ? index * size : index * share + rest;
  return queues.slice(start, start + size);
}
