import type { ModuleMetadata, Type } from '@nestjs/common';
import {
  type Claim,
  type Claimed,
  type Completed,
  type Held,
  type IdempotencyDefaults,
  type IdempotencyReport,
  type IdempotencyStore,
  MemoryIdempotencyStore,
  MessageListenerRegistry,
  MessagingModule,
} from '../../../lib/index.js';
import type { Clock } from '../../../lib/platform/index.js';
import { MessagingTestKit } from '../../../lib/testing.js';

/** A kit with a store on its clock. */
export interface Bench {
  readonly kit: MessagingTestKit;
  readonly store: FaultyStore;
  /** Starts an application with these listeners. */
  start(providers: Type[], idempotency?: Partial<IdempotencyDefaults>, application?: string): Promise<void>;
  /** Of the only idempotent listener. */
  report(): IdempotencyReport;
  readonly modules: { get<T>(type: Type<T>, options: { strict: false }): T }[];
}

const kits: MessagingTestKit[] = [];

export async function closeBenches(): Promise<void> {
  for (const kit of kits.splice(0)) await kit.close();
}

export function newBench(metadata: ModuleMetadata = {}): Bench {
  const kit = new MessagingTestKit();
  kits.push(kit);
  const store = new FaultyStore(new MemoryIdempotencyStore({ clock: clockOf(kit) }));
  const modules: Bench['modules'] = [];
  return {
    kit,
    store,
    modules,
    async start(providers, idempotency = {}, application = 'test') {
      const imports = [
        MessagingModule.forRoot({ application, idempotency: { store, ...idempotency } }),
        ...(metadata.imports ?? []),
      ];
      modules.push(await kit.start({ ...metadata, imports, providers: [...(metadata.providers ?? []), ...providers] }));
    },
    report() {
      const reports = modules[0]!
        .get(MessageListenerRegistry, { strict: false })
        .list()
        .flatMap(({ idempotency }) => idempotency ?? []);
      if (reports.length === 1) return reports[0]!;
      throw new Error(`${reports.length} idempotent listeners`);
    },
  };
}

/** The kit's time; stores only ask how late it is. */
export function clockOf(kit: MessagingTestKit): Clock {
  return { monotonic: () => kit.now().getTime() } as Clock;
}

type Verb = 'acquire' | 'extend' | 'complete' | 'release';

/** Remembers what it is asked, and fails as it is told. */
export class FaultyStore implements IdempotencyStore {
  readonly name = 'faulty';
  readonly shared = true;
  readonly asked: { verb: Verb; keys: string[] }[] = [];
  private readonly down = new Map<Verb, (passOn: () => Promise<unknown>) => Promise<unknown>>();

  constructor(private readonly right: MemoryIdempotencyStore) {}

  get size(): number {
    return this.right.size;
  }

  of(verb: Verb): string[][] {
    return this.asked.filter((one) => one.verb === verb).map(({ keys }) => keys);
  }

  /** What happens instead. Default: an error. */
  break(verbs: Verb[], instead: (passOn: () => Promise<unknown>) => Promise<unknown> = unreachable): void {
    for (const verb of verbs) this.down.set(verb, instead);
  }

  mend(): void {
    this.down.clear();
  }

  acquire(claims: readonly Claim[], leaseMillis: number): Promise<Claimed[]> {
    return this.ask('acquire', claims, () => this.right.acquire(claims, leaseMillis));
  }
  extend(held: readonly Held[], leaseMillis: number): Promise<boolean[]> {
    return this.ask('extend', held, () => this.right.extend(held, leaseMillis));
  }
  complete(completed: readonly Completed[], ttlMillis: number): Promise<boolean[]> {
    return this.ask('complete', completed, () => this.right.complete(completed, ttlMillis));
  }
  release(held: readonly Held[]): Promise<boolean[]> {
    return this.ask('release', held, () => this.right.release(held));
  }

  private ask<T>(verb: Verb, of: readonly { key: string }[], passOn: () => Promise<T>): Promise<T> {
    this.asked.push({ verb, keys: of.map(({ key }) => key) });
    const instead = this.down.get(verb);
    return instead === undefined ? passOn() : (instead(passOn) as Promise<T>);
  }
}

function unreachable(): Promise<never> {
  return Promise.reject(new Error('connect ECONNREFUSED'));
}

/** Something that a handler waits for. */
export function gate(): { readonly wait: Promise<void>; open(): void } {
  let open!: () => void;
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait, open };
}
