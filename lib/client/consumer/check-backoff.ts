import { DELAY_LEVELS, MessagingError } from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import type { Listener } from './listener-table.js';

/**
 * Retries that the brokers cannot bring at the time that a listener asks for are refused at boot. A `backoff` function is
 * asked too late for that: what it says is kept as well as the broker can.
 */
export async function checkBackoff({ routes, capabilities }: ClientCore, listeners: Iterable<Listener>): Promise<void> {
  const asking = [...listeners].filter(({ binding: { backoff } }) => Array.isArray(backoff));
  if (asking.length === 0) return;
  const profiles = await Promise.all(routes.masterAddresses().map((address) => capabilities.of(address)));
  for (const { kind, longestTimer } of profiles) {
    if (kind === 'ours') continue;
    for (const { binding } of asking) {
      const delays = (binding.backoff as readonly number[]).filter((millis) => millis > 0);
      const wrong = delays.find((millis) =>
        longestTimer === 0 ? !DELAY_LEVELS.includes(millis) : millis > longestTimer,
      );
      if (wrong === undefined) continue;
      throw new MessagingError(
        'CONFIGURATION',
        longestTimer > 0
          ? `The backoff of ${binding.name} has ${wrong} ms, and its broker keeps no message for longer than ${longestTimer} ms: ` +
              'raise timerMaxDelaySec there, or wait for less'
          : `The backoff of ${binding.name} has ${wrong} ms, and its broker knows the delay levels only ` +
              `(${DELAY_LEVELS.map((millis) => `${millis / 1000}s`).join(' ')}): take those, or ${
                kind === 'apache5' ? 'set timerWheelEnable=true there' : 'use RocketMQ from 5.0 on'
              }`,
      );
    }
  }
}
