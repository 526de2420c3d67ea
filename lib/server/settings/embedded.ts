import { type BrokerSettings, resolveSettings } from './broker-settings.js';
import { checkCopied } from './copied.js';
import { shown, wrong } from './rules.js';

/** What the broker inside an application is told. */
export interface EmbeddedBrokerSettings extends BrokerSettings {
  /**
   * Where the broker runs: on the event loop of the application, or in a worker thread with a loop and a heap of its own. A
   * thread leaves the application's loop almost to itself and uses a second core; every message crosses threads for it,
   * which costs latency. The settings must be plain data then. Default `inline`.
   */
  run?: 'inline' | 'worker';
}

/** @throws MessagingError CONFIGURATION. */
export function runsInWorker({ run }: EmbeddedBrokerSettings): boolean {
  if (run !== undefined && run !== 'inline' && run !== 'worker')
    throw wrong(`broker.run must be 'inline' or 'worker', not ${shown(run)}.`);
  return run === 'worker';
}

/**
 * All that can be said before the broker starts.
 * @throws MessagingError CONFIGURATION naming the setting and what it may be.
 */
export function checkEmbedded(settings: EmbeddedBrokerSettings): void {
  const inWorker = runsInWorker(settings);
  resolveSettings(withoutRun(settings));
  if (inWorker) checkCopied(settings);
}

/** What the broker itself is told, wherever it runs. */
export function withoutRun({ run: _run, ...settings }: EmbeddedBrokerSettings): BrokerSettings {
  return settings;
}
