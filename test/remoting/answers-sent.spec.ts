import { describe, expect, it } from '@jest/globals';
import { silentLogger, systemPlatform } from '../../lib/platform/index.js';
import { createResponse } from '../../lib/protocol/index.js';
import { type Respond, TcpServer } from '../../lib/remoting/index.js';
import { RawPeer, until } from './support.js';

const ANSWERS = 100;
const BYTES = 250_000;
const OVERWRITTEN = 0xee;

type Teller = (respond: Respond) => Respond;
const whenSent: Teller = (respond) => respond;
/** Breaks the promise: tells as soon as the answer is handed over. */
const atOnce: Teller = (respond) => (response, sent) => {
  respond(response);
  sent?.();
};

/** A server whose answers are full of their numbers, and are overwritten as soon as it is told that they have left. */
class Overwriting {
  told = 0;

  private constructor(
    private readonly server: TcpServer,
    readonly peer: RawPeer,
  ) {}

  static async start(teller: Teller, bytes: number): Promise<Overwriting> {
    const onTold = (): void => void overwriting.told++;
    const server = await TcpServer.listen(
      {
        onChannel: (channel) =>
          channel.onRequest(({ opaque }, _channel, respond) => {
            const body = Buffer.alloc(bytes, opaque);
            teller(respond)(createResponse(0, {}, undefined, body), () => {
              body.fill(OVERWRITTEN);
              onTold();
            });
          }),
      },
      systemPlatform().clock,
      silentLogger,
    );
    const overwriting: Overwriting = new Overwriting(server, await RawPeer.connect(server.address));
    return overwriting;
  }

  /** Asks for all of them and reads nothing until the kernel takes no more. */
  async askSlowly(): Promise<void> {
    const { peer } = this;
    peer.socket.pause();
    for (let opaque = 0; opaque < ANSWERS; opaque++) peer.request(opaque);
    let before = -1;
    // Until a turn in which nothing more has left, with some of them still there.
    for (let still = 0; still < 50; still = before === this.told ? still + 1 : 0) {
      before = this.told;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  intact(bytes: number): boolean {
    const { answers } = this.peer;
    return answers.every(({ opaque, body }) => body!.equals(Buffer.alloc(bytes, opaque)));
  }

  async stop(): Promise<void> {
    this.peer.socket.destroy();
    await this.server.close();
  }
}

/** Gives what had been told before anything was read, and whether all has arrived as it was sent. */
async function slowly(teller: Teller): Promise<{ toldBefore: number; toldAfter: number; intact: boolean }> {
  const overwriting = await Overwriting.start(teller, BYTES);
  await overwriting.askSlowly();
  const toldBefore = overwriting.told;
  overwriting.peer.socket.resume();
  await until(() => overwriting.peer.answers.length === ANSWERS, 'all answers');
  const result = { toldBefore, toldAfter: overwriting.told, intact: overwriting.intact(BYTES) };
  await overwriting.stop();
  return result;
}

describe('memory of answers', () => {
  it('is given back once the socket has taken them, however slowly they are read', async () => {
    const { toldBefore, toldAfter, intact } = await slowly(whenSent);
    expect(intact).toBe(true);
    expect(toldBefore).toBeLessThan(ANSWERS);
    expect(toldAfter).toBe(ANSWERS);
  });

  it('would be seen to be overwritten if it were given back earlier', async () => {
    expect((await slowly(atOnce)).intact).toBe(false);
  });

  it.each([1, 16_000, 16_384, 300_000, 600_000])('is given back for answers of %d bytes', async (bytes) => {
    const overwriting = await Overwriting.start(whenSent, bytes);
    for (let opaque = 0; opaque < 10; opaque++) overwriting.peer.request(opaque);
    await until(() => overwriting.peer.answers.length === 10, 'all answers');
    expect([overwriting.told, overwriting.intact(bytes)]).toEqual([10, true]);
    await overwriting.stop();
  });

  it('stays with answers that have not left when the connection ends', async () => {
    const overwriting = await Overwriting.start(whenSent, BYTES);
    await overwriting.askSlowly();
    await overwriting.stop();
    expect(overwriting.told).toBeLessThan(ANSWERS);
  });
});
