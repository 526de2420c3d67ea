interface Due {
  readonly at: number;
  readonly offset: number;
}

/** Half messages, by the log offset that their producers know, and when each is due: a binary heap, the earliest first. */
export class DueQueue {
  private readonly heap: Due[] = [];

  /** When the first one is due; undefined when there is none. */
  get next(): number | undefined {
    return this.heap[0]?.at;
  }

  add(at: number, offset: number): void {
    const { heap } = this;
    let place = heap.push({ at, offset }) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]!.at <= heap[place]!.at) return;
      [heap[parent], heap[place]] = [heap[place]!, heap[parent]!];
      place = parent;
    }
  }

  /** Takes out what is due, up to `most` of it. */
  take(now: number, most: number): number[] {
    const taken: number[] = [];
    while (taken.length < most && this.heap.length > 0 && this.heap[0]!.at <= now) taken.push(this.shift());
    return taken;
  }

  private shift(): number {
    const { heap } = this;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.sink();
    }
    return first.offset;
  }

  private sink(): void {
    const { heap } = this;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) return;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[place]!.at <= heap[child]!.at) return;
      [heap[place], heap[child]] = [heap[child]!, heap[place]!];
      place = child;
    }
  }
}
