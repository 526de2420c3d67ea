import { mkdir } from 'node:fs/promises';
import { freePort } from '../../../fault/support/free-port.js';
import { OwnProcess, findProgram } from './own-process.js';

const program = () => findProgram('redis-server');

export function missingRedis() {
  return program() === undefined ? 'redis-server (Debian: apt-get install redis-server)' : undefined;
}

/** A Redis that keeps an append-only file in the directory and is otherwise as shipped. */
export async function openRedis(directory, appendfsync) {
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const settings = ['--save', '', '--appendonly', 'yes', '--appendfsync', appendfsync];
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', directory, '--daemonize', 'no'];
  const server = new OwnProcess(program(), [...place, ...settings], { cwd: directory });
  try {
    await server.until(() => /Ready to accept connections/.test(server.output), 'it was ready');
  } catch (error) {
    await server.stop();
    throw error;
  }
  const version = /Redis version=([\d.]+)/.exec(server.output)?.[1] ?? 'of an unknown version';
  return {
    server,
    port,
    version: `Redis ${version}`,
    configuration: `appendonly yes; appendfsync ${appendfsync}; save ""; otherwise as shipped (the file is rewritten when it has doubled)`,
  };
}
