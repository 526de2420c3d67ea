/** Milliseconds of a processor that this process has had so far: what computes for long is told by it from what has to wait. */
export function processorMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
