import { constants } from 'node:os';
import type { Logger } from '../../platform/index.js';

/** What runs until it is told to stop. */
export interface Server {
  summary(): string;
  stop(): Promise<void>;
  /** Reads again what may change while it runs. */
  reload?(): Promise<void>;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** npm hands on what the terminal has sent to its children as well: that is one Ctrl-C, not two. */
const SAME_SIGNAL_MILLIS = 100;

/** Starts a server and stops it in order at the first signal; a second one ends the process at once. */
export async function serveUntilSignalled(start: () => Promise<Server>, logger: Logger): Promise<void> {
  let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined;
  let signalled!: () => void;
  const stopping = new Promise<void>((resolve) => (signalled = resolve));
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (first === undefined) {
      first = { signal, at: now };
      signalled();
    } else if (now - first.at >= SAME_SIGNAL_MILLIS) {
      logger.warn(`${signal} for the second time: ended without finishing what is under way`);
      process.exit(128 + constants.signals[signal]);
    }
  };
  // One that comes during the start is kept for its end.
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // A signal listener alone does not keep a process alive; a listening server does.
  const server = await start();
  logger.log(server.summary());
  if (server.reload !== undefined) process.on('SIGHUP', () => void reload(server, logger));
  await stopping;
  logger.log(`${first!.signal}: stopping; once more ends it at once`);
  await server.stop();
  logger.log('stopped');
}

/** What is wrong keeps the server running with what it had. */
async function reload(server: Server, logger: Logger): Promise<void> {
  try {
    await server.reload?.();
    logger.log('SIGHUP: certificates and accounts were read again');
  } catch (error) {
    logger.error(`SIGHUP: nothing has changed: ${(error as Error).message}`);
  }
}
