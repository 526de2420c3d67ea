// The broker of a curve, in a process of its own, so that its memory and processor time are the broker's. Its settings are
// the first argument; the parent asks over the pipe that `fork` has made.
import { BrokerHost, systemPlatform } from '../../../dist/broker.js';

const SAMPLE_MILLIS = 100;

const started = performance.now();
const quiet = { log() {}, debug() {}, warn: (text) => console.error(text), error: (...all) => console.error(...all) };
const host = await BrokerHost.start(JSON.parse(process.argv[2]), systemPlatform({ logger: quiet }));
const startMillis = performance.now() - started;

let peak = process.memoryUsage.rss();
const sample = () => (peak = Math.max(peak, process.memoryUsage.rss()));
setInterval(sample, SAMPLE_MILLIS).unref();

function facts() {
  sample();
  const { user, system } = process.cpuUsage();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const { store, broker } = host.health();
  const answer = { micros: user + system, rss: process.memoryUsage.rss(), peak, heapUsed, external, arrayBuffers };
  peak = answer.rss;
  return { ...answer, store, broker };
}

process.on('message', ({ ask }) => {
  if (ask === 'facts') process.send({ answer: facts() });
  if (ask === 'stop')
    void host.stop().then(() => {
      process.send({ answer: 'stopped' });
      process.disconnect();
    });
});
// The parent is gone, perhaps killed: nobody needs this broker any more, nor what it has stored.
process.on('disconnect', () => process.exit());
process.send({ address: host.address, startMillis });
