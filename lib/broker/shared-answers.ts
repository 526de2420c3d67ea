import type { MessageStore, ReadQuery, ReadResult } from '../store/index.js';

/** What makes two pulls the same: whoever asks alike is answered alike. */
export type Asked = Pick<ReadQuery, 'queueId' | 'offset' | 'maxMessages' | 'maxBytes'> & {
  /** The topic's number, which a successor of the same name does not have. */
  readonly topicNumber: number;
  /** What is wanted of the messages, see `Subscription`. */
  readonly wish: string;
};

/** Those that began to leave last. Groups that follow a topic together stand at one offset or at a few. */
const MOST_KEPT = 8;

/** What pulls were answered with, while somebody still needs its memory. */
export class SharedAnswer {
  private users = 0;

  constructor(
    readonly asked: Asked,
    readonly result: ReadResult,
    readonly body: Buffer,
    /** Nobody needs the memory any more. */
    private readonly done: (answer: SharedAnswer) => void,
  ) {}

  /** One more that needs the memory, until it calls what it gets: further calls of that do nothing. */
  use(): () => void {
    this.users++;
    let using = true;
    return () => {
      if (!using) return;
      using = false;
      if (--this.users === 0) this.done(this);
    };
  }
}

/**
 * Answers that have not left yet, for other pulls that ask for the same. A message wakes the pulls of all groups that wait for
 * it: with a thousand of them there were a thousand copies of the same messages, up to 512 KiB each, all new memory outside of
 * the heap, for which the whole heap was marked again and again (two fifths of the broker's time).
 *
 * What a closed channel never gives back stays until newer answers have taken its place.
 */
export class SharedAnswers {
  /** The newest last. */
  private readonly kept: SharedAnswer[] = [];
  /** Let go of what was kept for all who are woken together. */
  private readonly held: (() => void)[] = [];

  constructor(private readonly store: Pick<MessageStore, 'minOffset' | 'maxOffset'>) {}

  get size(): number {
    return this.kept.length;
  }

  /** An answer that reading anew would give as well, or begin with. */
  find(topic: string, asked: Asked): SharedAnswer | undefined {
    for (let index = this.kept.length - 1; index >= 0; index--) {
      const answer = this.kept[index]!;
      if (isAlike(answer, asked) && this.stillStands(topic, answer)) return answer;
    }
    return undefined;
  }

  /** @param giveBack called once all who use the answer have let go of it. */
  keep(asked: Asked, result: ReadResult, body: Buffer, giveBack: () => void): SharedAnswer {
    const answer = new SharedAnswer(asked, result, body, (done) => {
      const index = this.kept.indexOf(done);
      if (index >= 0) this.kept.splice(index, 1);
      giveBack();
    });
    if (this.kept.length >= MOST_KEPT) this.kept.shift();
    this.kept.push(answer);
    return answer;
  }

  /** Small answers leave at once: this one stays until `release`. */
  hold(answer: SharedAnswer): void {
    this.held.push(answer.use());
  }

  release(): void {
    while (this.held.length > 0) this.held.pop()!();
  }

  /** Whether the queue has nothing to add to the answer, or the answer no room for it. */
  private stillStands(topic: string, { asked: { queueId, offset }, result }: SharedAnswer): boolean {
    const grown = this.store.maxOffset(topic, queueId) !== result.maxOffset;
    if (grown && result.nextBeginOffset === result.maxOffset) return false;
    return this.store.minOffset(topic, queueId) <= offset;
  }
}

function isAlike({ asked: was, result }: SharedAnswer, asked: Asked): boolean {
  return (
    was.offset === asked.offset &&
    was.queueId === asked.queueId &&
    was.topicNumber === asked.topicNumber &&
    was.maxBytes === asked.maxBytes &&
    was.wish === asked.wish &&
    // Another limit is as good where neither of them was reached.
    (was.maxMessages === asked.maxMessages ||
      (result.messageCount < was.maxMessages && result.messageCount < asked.maxMessages))
  );
}
