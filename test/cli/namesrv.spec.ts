import { afterEach, describe, expect, it } from '@jest/globals';
import { type CommandProcess, Commands } from './command.js';
import { runInside } from './inside.js';

describe('nestmq namesrv', () => {
  const commands = new Commands();
  afterEach(() => commands.cleanUp());

  interface Listed {
    brokers: { broker: string; up: boolean }[];
  }

  it('has brokers register, which clients then use side by side, and forgets those that are silent', async () => {
    const cwd = await commands.folder();
    const namesrv = commands.start(['namesrv', '--port', '0', '--broker-expiry', '5s', '--scan-interval', '100ms'], {
      cwd,
    });
    const address = await namesrv.address();
    expect(namesrv.stdout).toMatch(/NameServer; listening on .*brokers are forgotten after 5000 ms of silence\n$/);
    const env = { NESTMQ_NAME_SERVER: address, NESTMQ_NAMESRV: address };
    const json = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await runInside([...args, '--json'], env);
      expect([code, stderr]).toEqual([0, '']);
      return JSON.parse(stdout);
    };
    expect(await json('cluster')).toEqual({ brokers: [] });
    expect(await json('topic', 'list')).toEqual({ topics: [] });

    const brokers = new Map<string, CommandProcess>();
    for (const name of ['broker-a', 'broker-b']) {
      const args = ['broker', '--memory', '--port', '0', '--name', name, '--register-interval', '300ms'];
      brokers.set(name, commands.start(args, { env }));
    }
    // It says nothing of brokers when the NameServer is late with its answer.
    const listed = async (): Promise<Listed> => {
      for (;;) {
        const { stdout } = await runInside(['cluster', '--timeout', '1s', '--json'], env);
        if (stdout !== '') return JSON.parse(stdout) as Listed;
      }
    };
    const names = async (): Promise<string[]> => {
      return (await listed()).brokers.filter(({ up }) => up).map(({ broker }) => broker);
    };
    while ((await names()).join() !== 'broker-a,broker-b');
    expect(brokers.get('broker-a')!.stdout).toContain(address);
    expect(await json('topic', 'create', 'orders', '--queues', '2')).toMatchObject({
      queues: ['broker-a', 'broker-a', 'broker-b', 'broker-b'].map((broker) => ({ broker })),
    });

    // Its connections stay open: only its silence tells.
    brokers.get('broker-a')!.child.kill('SIGSTOP');
    while ((await listed()).brokers.length > 1);
    expect(await json('message', 'send', 'orders', 'x')).toMatchObject({ broker: 'broker-b' });
    expect((await brokers.get('broker-b')!.stop()).code).toBe(0);
    // One that stops in order says good-bye.
    expect(await json('cluster')).toEqual({ brokers: [] });
    expect(await namesrv.stop()).toMatchObject({ code: 0, stdout: expect.stringMatching(/stopped\n$/) });
  });
});
