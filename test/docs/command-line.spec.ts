import { afterAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { BROKER } from '../../lib/cli/broker/broker-command.js';
import { PROCESS_FLAGS } from '../../lib/cli/flags/process-flags.js';
import { NAMESRV } from '../../lib/cli/namesrv/namesrv-command.js';
import { CONNECTION_FLAGS } from '../../lib/cli/operate/connection.js';
import { Commands } from '../cli/command.js';
import { runInside } from '../cli/inside.js';

const readme = readFileSync('README.md', 'utf8');
const section = /^## The command line\n([^]*?)^## /m.exec(readme)![1]!;
const commandRows = [...section.matchAll(/^\| `nestmq (\w+)(?: ([\w-]+))?[^`]*` +\|[^|]*\|((?:\\\||[^|])*)\|$/gm)];

describe('the command line in the README', () => {
  const commands = new Commands();
  afterAll(() => commands.cleanUp());

  it('has every flag of the servers and of every connection, with its variable', () => {
    for (const { name, on, env } of [...BROKER.flags, ...NAMESRV.flags, ...PROCESS_FLAGS, ...CONNECTION_FLAGS]) {
      const row = new RegExp(`^\\| \`--${on === true ? 'no-' : ''}${name}[ \`].*$`, 'gm');
      const rows = section.match(row) ?? [];
      expect([name, rows.length > 0]).toEqual([name, true]);
      if (env !== undefined) expect(rows.join('\n')).toContain(`\`${env}\``);
    }
  });

  it('has every command with the flags of its own, and no other', async () => {
    const listed = commandRows.map(([, subject, name]) =>
      [subject, name].filter((word) => word !== undefined).join(' '),
    );
    const common = new Set([...CONNECTION_FLAGS.map(({ name }) => name), 'json', 'help']);
    const there: string[] = [];
    const [, all] = /^Commands:\n([^]*?)\n\n/m.exec((await runInside(['--help'])).stdout)!;
    const subjects = all!.matchAll(/^ {2}([a-z]+)/gm);
    for (const [, subject] of subjects) {
      if (subject === 'help') continue;
      const { stdout } = await runInside([subject!, '--help']);
      const inside = /^Commands:\n([^]*)/m.exec(stdout)?.[1];
      const names = inside === undefined ? [] : [...inside.matchAll(/^ {2}([a-z][\w-]*) /gm)].map((match) => match[1]!);
      there.push(
        ...(inside === undefined
          ? [subject!]
          : names.filter((name) => name !== 'help').map((name) => `${subject} ${name}`)),
      );
    }
    expect(listed.toSorted()).toEqual(there.toSorted());
    for (const [, subject, name, flags] of commandRows) {
      if (flags!.includes('see below')) continue;
      const { stdout } = await runInside([subject!, ...(name === undefined ? [] : [name]), '--help']);
      const own = [...stdout.matchAll(/^ {2}--(?:no-)?([\w-]+)/gm)].map((match) => match[1]!);
      const told = [...flags!.matchAll(/`--([\w-]+)/g)].map((match) => match[1]!);
      expect([subject, name, told.toSorted()]).toEqual([
        subject,
        name,
        own.filter((flag) => !common.has(flag)).toSorted(),
      ]);
    }
  });

  it('has examples that run', async () => {
    const folder = await commands.folder();
    const [operating, serving] = [...section.matchAll(/```sh\n([^]*?)```/g)].map((match) =>
      match[1]!
        .trim()
        .split('\n')
        .map((line) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!).slice(1)),
    );
    const args = serving![0]!.map((word) => word.replace('/var/lib', folder).replace('9876', '0'));
    const broker = commands.start([...args, '--segment-bytes', '8m']);
    const env = { NESTMQ_NAME_SERVER: await broker.address() };
    const [line] = /^\[nestmq\].*$/m.exec(section)!;
    const generic = (text: string): string =>
      text
        .replace(/^\S+ \S+/, '')
        .replaceAll(folder, '/var/lib')
        .replace(/(127\.0\.0\.1):\d+/, '$1:9876');
    expect(generic(broker.stdout.trim())).toBe(generic(line));
    expect(operating!.length).toBeGreaterThan(5);
    for (const words of operating!) {
      const { code, stdout, stderr } = await runInside(words, env);
      expect([words.join(' '), code, stderr]).toEqual([words.join(' '), 0, '']);
      expect(stdout).not.toBe('');
    }
  });
});
