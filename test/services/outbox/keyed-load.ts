import { message, type World } from './world.js';

const WRITERS = 4;
const PER_TRANSACTION = 100;

/** Writes `key number` for each key, numbers ascending, from several transactions at a time; each key has one writer. */
export async function writeKeyed({ database, outbox }: World, keys: number, perKey: number): Promise<void> {
  const writer = async (own: number): Promise<void> => {
    const mine = Array.from({ length: keys }, (_, key) => key).filter((key) => key % WRITERS === own);
    const all = Array.from({ length: perKey }, (_, number) => mine.map((key) => ({ key, number }))).flat();
    for (let at = 0; at < all.length; at += PER_TRANSACTION) {
      const messages = all
        .slice(at, at + PER_TRANSACTION)
        .map(({ key, number }) => message(`${key} ${number}`, { shardingKey: `key ${key}` }));
      await database.adapter.transaction((transaction) => outbox.write(transaction, messages));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, own) => writer(own)));
}

/** The first message whose first copy came before that of an earlier one of its key; undefined when there is none and all came. */
export function firstDisorder(bodies: readonly string[], perKey: number): string | undefined {
  const next = new Map<string, number>();
  for (const body of bodies) {
    const [key, text] = body.split(' ') as [string, string];
    const number = Number(text);
    const due = next.get(key) ?? 0;
    if (number > due) return `${body} before ${key} ${due}`;
    if (number === due) next.set(key, due + 1);
  }
  const incomplete = [...next].find(([, due]) => due !== perKey);
  return incomplete === undefined ? undefined : `${incomplete[0]} ends before ${incomplete[1]}`;
}
