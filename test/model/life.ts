import { ConsumeMode, MessagingAdmin, RejectMessageError, RetryLaterError, TransactionState } from '../../lib/index.js';
import { Ledger } from '../e2e/ledger.js';
import { type Delivery, recorder } from '../e2e/recorder.js';
import { embedded } from '../e2e/targets/embedded.js';
import { type Application, World } from '../e2e/world.js';
import type { Entered, History, Letter, Reset } from './history.js';
import { BACKOFF, GROUPS, isFor, LATER_MILLIS, MAX_RETRIES, outcomeOf, type Sent } from './model.js';
import { type Group, isCalm, type Plan, type Planned, type Step } from './plan.js';

/** After the last step: how long all that is due may take at the most, and how long it is watched afterwards. */
const LONGEST_END_MILLIS = 600_000;
const AFTERWARDS_MILLIS = 3_000;

const BROKER = { topics: [{ name: 'orders', queues: 2 }], segmentBytes: 8 * 1024 * 1024 };

interface Member {
  readonly number: number;
  readonly application: Application;
  /** Its process is gone: what its handlers still say counts for nothing. */
  gone: boolean;
  closing: boolean;
  readonly paused: Set<Group>;
  readonly held: (() => void)[];
}

/** Runs a plan against the engine by its public API, with a disk that can lose power and time that stands still. */
export async function live(plan: Plan): Promise<History> {
  const life = new Life(new World(await embedded.open()));
  try {
    await life.begin();
    for (const step of plan) await life.take(step);
    await life.end();
  } finally {
    await life.close();
  }
  return { ...life.history, calm: isCalm(plan) };
}

class Life {
  readonly history: Omit<History, 'calm'> & { letters: Letter[] };
  private readonly sent: Sent[] = [];
  private readonly entered: Entered[] = [];
  private readonly strays: string[] = [];
  private readonly resets: Reset[] = [];
  /** Of each reset the messages that have not come again yet. */
  private readonly awaited: { readonly group: Group; readonly ids: Set<number> }[] = [];
  private readonly ended = new Set<string>();
  private readonly seen = new Set<number>();
  private members: Member[] = [];
  private born = 0;
  private events = 0;
  private holding = true;

  constructor(private readonly world: World) {
    this.history = { sent: this.sent, entered: this.entered, strays: this.strays, letters: [], resets: this.resets };
  }

  async begin(): Promise<void> {
    await this.join();
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'pass':
        this.release(this.members);
        return this.world.pass(step.millis);
      case 'join':
        return this.join();
      case 'leave':
        return this.leave();
      case 'restart':
        return this.restart();
      case 'crash':
        return this.crash();
      case 'reset':
        return this.reset(step.group);
      case 'pause':
      case 'resume':
        return this.hold(step.group, step.do === 'pause');
      default:
        return this.send(step);
    }
  }

  /** Lets everything come to its end, and looks at the dead letters. */
  async end(): Promise<void> {
    this.holding = false;
    await this.some();
    for (const group of GROUPS) for (const member of this.members) this.hold(group, false, member);
    this.release(this.members);
    await this.world.until(() => this.allEnded(), 'the end of all messages', LONGEST_END_MILLIS).catch(() => undefined);
    await this.world.pass(AFTERWARDS_MILLIS);
    const { deadLetters } = (await this.some()).application.get(MessagingAdmin);
    for (const group of ['work', 'line'] as const) {
      const { letters } = await this.world.passing(deadLetters.list(group, { limit: 1_000 }));
      for (const { payload, attempts, errorClass } of letters) {
        this.history.letters.push({ group, id: idOf(payload), attempts, errorClass: errorClass ?? 'none' });
      }
    }
  }

  async close(): Promise<void> {
    this.holding = false;
    this.release(this.members);
    for (const member of this.members) member.closing = true;
    await this.world.close();
  }

  private allEnded(): boolean {
    if (this.awaited.some(({ ids }) => ids.size > 0)) return false;
    return this.sent.every(
      (sent) =>
        (sent.state !== 'open' || sent.ending !== undefined) &&
        (sent.state === 'stored' || this.seen.has(sent.id)
          ? GROUPS.every((group) => !isFor(sent, group) || this.ended.has(`${group} ${sent.id}`))
          : true),
    );
  }

  private async some(): Promise<Member> {
    if (this.members.length === 0) await this.join();
    return this.members[0]!;
  }

  private async join(): Promise<void> {
    const number = this.born++;
    const state = { number, gone: false, closing: false, paused: new Set<Group>(), held: [] };
    const handle =
      (group: Group) =>
      (_payload: unknown, _context: unknown, delivery: Delivery): unknown =>
        this.handle(member, group, delivery);
    const ledger = new Ledger(
      'create',
      ({ payload }) => this.endingOf(idOf(payload), false),
      ({ payload }) => this.endingOf(idOf(payload), true),
    );
    const work = recorder(
      { topic: 'orders', tag: 't.#', group: 'work', backoff: [...BACKOFF.work], maxReconsumeTimes: MAX_RETRIES },
      handle('work'),
    );
    const line = recorder(
      {
        topic: 'orders',
        headers: { match: 'any', properties: { kind: true } },
        group: 'line',
        mode: ConsumeMode.ORDERLY,
        backoff: [...BACKOFF.line],
        maxReconsumeTimes: MAX_RETRIES,
      },
      handle('line'),
    );
    const some = recorder({ topic: 'orders', selector: "kind = 'a'", group: 'some' }, handle('some'));
    const member: Member = { ...state, application: undefined as never };
    const application = await this.world.start(work, line, some, {
      application: 'model',
      providers: [work.listenerClass, line.listenerClass, some.listenerClass, ledger.listenerClass],
      options: { broker: BROKER },
    });
    (member as { application: Application }).application = application;
    this.members.push(member);
  }

  private async leave(): Promise<void> {
    const member = this.members.pop();
    if (member === undefined) return;
    member.closing = true;
    this.release([member]);
    await member.application.close();
  }

  private async restart(): Promise<void> {
    for (const member of this.members) member.closing = true;
    this.release(this.members);
    this.members = [];
    await this.world.restart();
  }

  private async crash(): Promise<void> {
    const gone = this.members;
    for (const member of gone) member.gone = member.closing = true;
    for (const sent of this.sent) if (sent.state === 'open') sent.state = 'unsure';
    this.members = [];
    this.release(gone);
    await this.world.crash();
  }

  /** Moves a group to the oldest message: all that it has seen is to come again. */
  private async reset(group: Group): Promise<void> {
    const member = await this.some();
    this.release(this.members);
    const { backlog } = member.application.get(MessagingAdmin);
    const seen = new Set(this.entered.filter((one) => one.group === group).map(({ id }) => id));
    const reset = { group, order: this.events++ };
    await this.world.passing(backlog.resetPosition(group, 'orders', 'earliest'));
    this.resets.push(reset);
    const since = this.entered.filter((one) => one.group === group && one.order > reset.order).map(({ id }) => id);
    for (const id of since) seen.delete(id);
    this.awaited.push({ group, ids: seen });
  }

  private hold(group: Group, held: boolean, member = this.members[0]): void {
    if (member === undefined || member.paused.has(group) === held) return;
    const { listeners } = member.application;
    const { name } = listeners.list().find((listener) => listener.group === group)!;
    if (held) {
      listeners.pause(name);
      member.paused.add(group);
    } else {
      // What waits may be handled before `resume` returns.
      member.paused.delete(group);
      listeners.resume(name);
    }
  }

  private release(members: readonly Member[]): void {
    for (const { held } of members) for (const open of held.splice(0)) open();
  }

  private async send(step: Extract<Step, { message: Planned } | { messages: readonly Planned[] }>): Promise<void> {
    const member = await this.some();
    const { template } = member.application;
    const more = { key: 'key' in step ? step.key : undefined, ending: 'ending' in step ? step.ending : undefined };
    const delay = step.do === 'delay' ? step.millis : 0;
    const all = ('messages' in step ? step.messages : [step.message]).map((planned) => this.note(planned, delay, more));
    const [{ id }] = all as [Sent];
    const destination = `orders:t.${id % 3}`;
    const options = { properties: { kind: all[0]!.planned.kind } };
    const send = (): Promise<unknown> => {
      switch (step.do) {
        case 'send':
          return template.syncSend(destination, { id }, options);
        case 'orderly':
          return template.sendOrderly(destination, { id }, step.key, options);
        case 'delay':
          return template.delay(destination, { id }, step.millis, options);
        case 'transaction':
          return template.transaction(destination, { id }, 'create', options);
        case 'batch':
          return template.batch(
            'orders',
            all.map((one) => ({ id: one.id })),
            {
              each: (_, index) => ({ tag: `t.${all[index]!.id % 3}`, properties: { kind: all[index]!.planned.kind } }),
            },
          );
      }
    };
    const sending = send().then(
      () => this.stored(all),
      (error: unknown) => this.failed(member, all, error),
    );
    if (!('wait' in step) || step.wait) await this.world.passing(sending);
  }

  private note(planned: Planned, delay: number, more: Pick<Sent, 'key' | 'ending'>): Sent {
    const notBefore = this.world.now() + delay;
    const sent: Sent = { id: this.sent.length, planned, notBefore, state: 'open', storedAt: 0, ...more };
    this.sent.push(sent);
    return sent;
  }

  private stored(all: readonly Sent[]): void {
    for (const sent of all) {
      // After a crash nobody knows what the answer was worth.
      if (sent.state !== 'open') continue;
      sent.state = 'stored';
      sent.storedAt = this.world.now();
    }
  }

  private failed(member: Member, all: readonly Sent[], error: unknown): void {
    for (const sent of all) sent.state = 'unsure';
    if (!member.closing) this.strays.push(`the send of ${all[0]!.id} failed: ${String(error)}`);
  }

  private endingOf(id: number, asked: boolean): TransactionState {
    switch (this.sent[id]!.ending) {
      case 'commit':
        return TransactionState.COMMIT;
      case 'rollback':
        return TransactionState.ROLLBACK;
      case 'commit when asked':
        return asked ? TransactionState.COMMIT : TransactionState.UNKNOWN;
      default:
        return asked ? TransactionState.ROLLBACK : TransactionState.UNKNOWN;
    }
  }

  private handle(member: Member, group: Group, { payload, message, attempt }: Delivery): unknown {
    if (member.gone) return undefined;
    const id = idOf(payload);
    const { queueId, queueOffset, tag, topic, properties } = message;
    const entered: Entered = {
      ...{ id, group, attempt, queueId, queueOffset, member: member.number },
      at: this.world.now(),
      order: this.events++,
      seen: { kind: properties.kind, tag, topic },
      whilePaused: member.paused.has(group),
    };
    this.entered.push(entered);
    this.seen.add(id);
    for (const { group: of, ids } of this.awaited) if (of === group) ids.delete(id);
    const sent = this.sent[id];
    const settle = (): void => {
      if (member.gone) return;
      entered.settledOrder = this.events++;
      this.ended.add(`${group} ${id}`);
    };
    const outcome = sent === undefined ? 'ack' : outcomeOf(sent.planned, group, attempt);
    switch (outcome) {
      case 'ack':
        return settle();
      case 'hold':
        if (!this.holding || member.closing) return settle();
        return new Promise<void>((resolve) => {
          member.held.push(() => {
            settle();
            resolve();
          });
        });
      case 'reject':
        settle();
        throw new RejectMessageError(`no ${id}`);
      default:
        if (attempt > MAX_RETRIES) settle();
        throw outcome === 'later' ? new RetryLaterError(LATER_MILLIS) : new Error(`not ${id}`);
    }
  }
}

function idOf(payload: unknown): number {
  return (payload as { id: number }).id;
}
