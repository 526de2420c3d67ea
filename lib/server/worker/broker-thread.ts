/**
 * What runs in the thread of a broker that has one of its own: the very broker that runs inline otherwise, with the disk and
 * an event loop of its own. Started by `BrokerThread`; nothing imports this file.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type Logger, NodeFileSystem, systemPlatform } from '../../platform/index.js';
import { MessagingError } from '../../protocol/index.js';
import { PortChannel, type PortEnd } from '../../remoting/index.js';
import { SharedBroker } from '../sharing/shared-broker.js';
import { toCross } from './crossing-error.js';
import { relay } from './relay.js';
import type { ThreadMessage, ThreadQuestion, ThreadReport, ThreadStart } from './thread-messages.js';

const port = parentPort!;
const { settings, identity, again } = workerData as ThreadStart;

function tell(message: ThreadMessage): void {
  port.postMessage(message);
}

const logger: Logger = {
  error: (message, cause) =>
    tell({ kind: 'log', level: 'error', message, cause: cause === undefined ? undefined : toCross(cause) }),
  warn: (message) => tell({ kind: 'log', level: 'warn', message }),
  log: (message) => tell({ kind: 'log', level: 'log', message }),
  debug: (message) => tell({ kind: 'log', level: 'debug', message }),
  verbose: (message) => tell({ kind: 'log', level: 'verbose', message }),
};
const platform = systemPlatform({ logger, fileSystem: NodeFileSystem.ofOwnLoop() });

function reportOn(broker: SharedBroker): ThreadReport {
  return { summary: broker.summary(), host: broker.host?.health(), sharing: broker.sharing() };
}

async function connect(broker: SharedBroker, address: string, end: PortEnd): Promise<void> {
  const channel = new PortChannel(end, 'accepted', platform.clock, platform.logger);
  try {
    // A client of this process, as one that runs on the broker's own loop.
    const host = broker.host;
    if (host !== undefined) channel.onRequest(host.attach(channel));
    else relay(channel, await broker.connector.connect(address));
  } catch (error) {
    await channel.close();
    throw error;
  }
}

async function answer(broker: SharedBroker, question: ThreadQuestion): Promise<void> {
  const { id } = question;
  try {
    // Ports are no queue together: what came through the others goes first.
    if (question.ask === 'close') await new Promise<void>((resolve) => platform.clock.defer(resolve));
    if (question.ask === 'report') tell({ kind: 'answer', id, report: reportOn(broker) });
    else {
      await (question.ask === 'close' ? broker.close() : connect(broker, question.address, question.end));
      tell({ kind: 'answer', id });
    }
  } catch (error) {
    tell({ kind: 'answer', id, error: toCross(error) });
  }
  // Nothing is left that keeps the thread; it ends when what it still has to say is said.
  if (question.ask === 'close') port.close();
}

function refuse(error: unknown): void {
  const known =
    error instanceof MessagingError ? error : new MessagingError('BROKER_ERROR', String(error), { cause: error });
  tell({ kind: 'refused', error: toCross(known) });
  port.close();
}

// From the start: it is what keeps the thread, also while it waits for another process to let go of the store.
const opened = SharedBroker.open(settings, platform, identity, again);
port.on('message', (question: ThreadQuestion) => void opened.then((broker) => answer(broker, question)));
opened.then((broker) => tell({ kind: 'started', summary: broker.summary() })).catch(refuse);
