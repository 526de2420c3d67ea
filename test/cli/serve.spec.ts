import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandProcess, MAIN } from './command.js';

const SERVE = pathToFileURL(join(MAIN, '../serve/serve.js')).href;

/** A process that serves nothing; `stop` is its code for stopping. */
function serving(stop: string, start = ''): CommandProcess {
  return new CommandProcess([], {}, [
    '--input-type=module',
    '-e',
    `import { serveUntilSignalled } from ${JSON.stringify(SERVE)};
     const alive = setInterval(() => {}, 60_000);
     const logger = { log: console.log, warn: console.log };
     const stop = async () => { ${stop} };
     const start = async () => { ${start}; return { summary: () => 'it serves', stop }; };
     await serveUntilSignalled(start, logger);
     clearInterval(alive);`,
  ]);
}

describe('a server of the command line', () => {
  let command: CommandProcess | undefined;
  afterEach(() => command?.stop('SIGKILL'));

  it.each(['SIGTERM', 'SIGINT'] as const)('finishes what is under way at %s', async (signal) => {
    command = serving('await new Promise((resolve) => setTimeout(resolve, 20)); console.log("finished");');
    await command.sees(/it serves/);
    expect(await command.stop(signal)).toMatchObject({
      code: 0,
      stdout: `it serves\n${signal}: stopping; once more ends it at once\nfinished\nstopped\n`,
    });
  });

  it('ends at once at the second signal', async () => {
    command = serving('setTimeout(() => console.log("ready for the second"), 150); await new Promise(() => {});');
    await command.sees(/it serves/);
    command.child.kill('SIGTERM');
    await command.sees(/ready for the second/);
    expect(await command.stop('SIGINT')).toMatchObject({
      code: 130,
      stdout: expect.stringContaining('SIGINT for the second time'),
    });
  });

  it('takes two signals at the same time for one: npm hands on what the terminal has sent already', async () => {
    command = serving('await new Promise((resolve) => setTimeout(resolve, 20)); console.log("finished");');
    await command.sees(/it serves/);
    // Both wait for the process to go on.
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) command.child.kill(signal);
    expect(await command.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('finished\nstopped\n') });
  });

  it('stops after its start when it was told to during the start', async () => {
    command = serving(
      'console.log("finished");',
      'console.log("it starts"); await new Promise((resolve) => process.once("SIGTERM", resolve))',
    );
    await command.sees(/it starts/);
    expect(await command.stop()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^it starts\nit serves\nSIGTERM: stopping.*\nfinished\nstopped\n$/),
    });
  });
});
