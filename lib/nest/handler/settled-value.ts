import { isObservable, lastValueFrom } from 'rxjs';

/** What a handler, interceptor or filter comes to in the end: Observables are awaited, an empty one gives undefined. */
export async function settledValue(result: unknown): Promise<unknown> {
  const value = await result;
  return isObservable(value) ? lastValueFrom(value, { defaultValue: undefined }) : value;
}

/** Whether there is anything to wait for. */
export function isPending(result: unknown): boolean {
  return (
    result !== null &&
    typeof result === 'object' &&
    (typeof (result as PromiseLike<unknown>).then === 'function' || isObservable(result))
  );
}
