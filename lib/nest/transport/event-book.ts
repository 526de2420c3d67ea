/** Who wants to know of what: the `on` of Nest's servers and clients. */
// oxlint-disable-next-line no-unsafe-function-type
export class EventBook<Events extends { [name in keyof Events]: (...args: never[]) => void }> {
  private readonly listeners = new Map<keyof Events, ((...args: never[]) => void)[]>();

  on<Name extends keyof Events>(event: Name, callback: Events[Name]): void {
    const known = this.listeners.get(event);
    if (known === undefined) this.listeners.set(event, [callback]);
    else known.push(callback);
  }

  emit<Name extends keyof Events>(event: Name, ...args: Parameters<Events[Name]>): void {
    for (const callback of this.listeners.get(event) ?? []) callback(...(args as never[]));
  }
}
