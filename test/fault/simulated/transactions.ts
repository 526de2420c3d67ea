import type { SeededRandom } from '../../../lib/platform/index.js';
import {
  ExtensionProperty,
  TRANSACTION_DEAD_LETTER_TOPIC,
  TRANSACTION_HALF_TOPIC,
  TRANSACTION_OP_TOPIC,
} from '../../../lib/protocol/index.js';
import type { MessageStore } from '../../../lib/store/index.js';
import { messageOf, ORDERS, PAYMENTS, type Asked, type History } from './model.js';

const { TRANSACTION_SOURCE, TRANSACTION_CHECKED } = ExtensionProperty;

interface Open {
  readonly asked: Asked;
  /** Where its producer was told that it lies. */
  readonly told: number;
}

/** The transactions of a workload: half messages, checks of them, and their ends, as a broker stores them. */
export class Transactions {
  private readonly open: Open[] = [];
  private marks = 0;

  constructor(
    private readonly store: MessageStore,
    private readonly random: SeededRandom,
    private readonly history: History,
    private readonly names = 'H',
  ) {}

  async begin(): Promise<void> {
    const topic = this.random.below(2) === 0 ? ORDERS : PAYMENTS;
    const asked = this.ask('half', topic, 40 + this.random.below(100));
    const result = await this.store.putAsync(
      messageOf(asked, [
        ['REAL_TOPIC', asked.topic],
        ['REAL_QID', String(asked.queueId)],
      ]),
    );
    this.history.acknowledged.push({ asked, ...result });
    this.open.push({ asked, told: result.physicalOffset });
  }

  /** One mark for some of those that are open. */
  async check(): Promise<void> {
    const checked = this.open.slice(0, 1 + this.random.below(3));
    const offsets = checked.flatMap(({ told }) => this.store.halves.find(told)?.offset ?? []);
    if (offsets.length === 0) return;
    const mark = this.ask('mark', TRANSACTION_OP_TOPIC, 1);
    for (const { asked } of checked) this.history.halves.push({ event: 'asked', id: asked.id, at: 0 });
    const result = await this.store.putAsync(messageOf(mark, [[TRANSACTION_CHECKED, offsets.join(',')]]));
    this.history.acknowledged.push({ asked: mark, ...result });
    for (const { asked } of checked)
      this.history.halves.push({ event: 'checked', id: asked.id, at: result.physicalOffset });
  }

  /** Ends the oldest but one: the oldest outlives everything, as one whose producer is gone. */
  async end(): Promise<void> {
    const [half] = this.open.splice(1, 1);
    if (half === undefined) return;
    // Commit, rollback, dead letter: the first and the last are the message itself, in the topic where it belongs by then.
    const ends = [half.asked.topic, TRANSACTION_OP_TOPIC, TRANSACTION_DEAD_LETTER_TOPIC] as const;
    await this.settle(half, ends[this.random.below(3)]!);
  }

  /** Rolls back one that the store found again, which this workload may not have begun itself. */
  async rollBack(id: string): Promise<void> {
    const asked = this.history.byId.get(id);
    const known = this.history.acknowledged.find((each) => each.asked === asked);
    if (asked !== undefined && known !== undefined)
      await this.settle({ asked, told: known.physicalOffset }, TRANSACTION_OP_TOPIC);
  }

  private async settle({ asked, told }: Open, topic: string): Promise<void> {
    const { halves } = this.store;
    const half = halves.find(told);
    // Retention is moving it: a broker says that it is busy, and is asked again.
    if (half === undefined || !halves.hold(half.offset)) return;
    const { id, bodyBytes, propertyBytes } = asked;
    const isMark = topic === TRANSACTION_OP_TOPIC;
    const end: Asked = isMark
      ? this.ask('mark', topic, 1)
      : { id, kind: 'plain', topic, queueId: 0, bodyBytes, propertyBytes };
    this.history.halves.push({ event: 'ending', id, at: 0 });
    try {
      const result = await this.store.putAsync(messageOf(end, [[TRANSACTION_SOURCE, String(half.offset)]]));
      this.history.acknowledged.push({ asked: end, ...result });
      this.history.halves.push({ event: 'ended', id, at: result.physicalOffset });
    } finally {
      halves.release(half.offset);
    }
  }

  private ask(kind: 'half' | 'mark', topic: string, bytes: number): Asked {
    const id = `${this.names}${kind === 'mark' ? 'm' : ''}${this.marks++}`;
    return this.history.ask({ id, kind, topic, queueId: 0, bodyBytes: bytes, propertyBytes: 10 });
  }
}

/** Topics that only the broker writes to. */
export const TRANSACTION_TOPICS = [TRANSACTION_HALF_TOPIC, TRANSACTION_OP_TOPIC, TRANSACTION_DEAD_LETTER_TOPIC];
