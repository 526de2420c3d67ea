/** The properties that filters look at, each with a number, so that one pass over a message finds all of them. */
export class PropertySlots {
  private readonly numbers = new Map<string, number>();
  readonly names: string[] = [];

  numberOf(name: string): number {
    let number = this.numbers.get(name);
    if (number === undefined) {
      number = this.names.length;
      this.numbers.set(name, number);
      this.names.push(name);
    }
    return number;
  }
}

/** The values of one message, by the numbers of `PropertySlots`. */
export interface PropertyValues {
  /** Undefined when the message has no such property. */
  get(slot: number): string | undefined;
}
