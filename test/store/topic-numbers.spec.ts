import { describe, expect, it } from '@jest/globals';
import { MemoryFileSystem } from '../../lib/platform/index.js';
import type { MessageStore } from '../../lib/store/index.js';
import { message, openStore, readTexts } from './support.js';

const ONE_QUEUE = { readQueueNums: 1, writeQueueNums: 1 };

/** Stores a message of a sender who has looked the topic up, and says what number it had. */
function send(store: MessageStore, topic: string, body: string, topicNumber?: number): Promise<unknown> {
  return store.putAsync({ ...message(body, { topic }), topicNumber });
}

describe('a message with the number of its topic', () => {
  async function opened(): Promise<MessageStore> {
    const { store } = await openStore(new MemoryFileSystem());
    for (const topic of ['here', 'away']) await store.createTopic(topic, ONE_QUEUE);
    return store;
  }

  const numberOf = (store: MessageStore, topic: string): number => store.topics.get(topic)!.number;

  it('goes where one without it goes', async () => {
    const store = await opened();
    for (const topic of ['here', 'away', 'here']) await send(store, topic, topic, numberOf(store, topic));
    await send(store, 'here', 'by name');
    expect(await readTexts(store, 0, 'here')).toEqual(['here', 'here', 'by name']);
    expect(await readTexts(store, 0, 'away')).toEqual(['away']);
    await store.close();
  });

  it('goes by its name when the number is that of another topic, whose name is equally long', async () => {
    const store = await opened();
    for (const topic of ['here', 'away']) await send(store, topic, 'first');
    await send(store, 'here', 'second', numberOf(store, 'away'));
    await send(store, 'here', 'third', 4711);
    expect(await readTexts(store, 0, 'here')).toEqual(['first', 'second', 'third']);
    expect(await readTexts(store, 0, 'away')).toEqual(['first']);
    await store.close();
  });

  it('goes to the topic that was made again, also with the number of the deleted one', async () => {
    const store = await opened();
    const number = numberOf(store, 'here');
    await send(store, 'here', 'of the predecessor', number);
    await store.topics.delete('here', store.visibleOffset);
    await expect(send(store, 'here', 'in between', number)).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
    await store.createTopic('here', ONE_QUEUE);
    expect(numberOf(store, 'here')).not.toBe(number);
    await send(store, 'here', 'one', number);
    await send(store, 'here', 'two', numberOf(store, 'here'));
    // The files of the deleted one go, and what is known by its number.
    await store.checkpoint();
    await send(store, 'here', 'three', number);
    expect(await readTexts(store, 0, 'here')).toEqual(['one', 'two', 'three']);
    await store.close();
  });
});
