// `node janitor.js <folder>`: waits until its input ends, which is when the process that started it has ended, however that
// came about. Then it ends the servers whose ids it was told (`+<pid>`) and not told off (`-<pid>`), and removes the folder.
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [folder] = process.argv.slice(2);
const servers = new Set<number>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) servers.add(pid);
  else servers.delete(pid);
}
// PostgreSQL takes its children with it on SIGQUIT only; who does not know the signal dies of it.
for (const pid of servers) send(pid, 'SIGQUIT');
for (let tries = 0; tries < 100 && [...servers].some((pid) => send(pid, 0)); tries++) await sleep(50);
for (const pid of servers) send(pid, 'SIGKILL');
if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
