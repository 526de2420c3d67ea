/** The status of a Nest HttpException, also of one from another copy of `@nestjs/common`. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { getStatus } = error as { getStatus?: unknown };
  if (typeof getStatus !== 'function') return undefined;
  const status: unknown = getStatus.call(error);
  return typeof status === 'number' ? status : undefined;
}
