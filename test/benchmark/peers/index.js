// The peers of the benchmark. Each module is loaded only when its peer is asked for.

/** Those that `npm run bench` measures always, and those of `--peers`. */
export const PEERS = [
  { id: 'rabbitmq', main: true, load: () => load('./rabbitmq/index.js') },
  { id: 'bullmq', main: true, load: () => load('./bullmq/everysec.js') },
  { id: 'bullmq-sync', main: true, load: () => load('./bullmq/always.js') },
  { id: 'rocketmq', main: true, load: () => load('./rocketmq/async.js') },
  { id: 'rocketmq-sync', main: true, load: () => load('./rocketmq/sync.js') },
  { id: 'kafka', main: false, load: () => load('./kafka/async.js') },
  { id: 'kafka-sync', main: false, load: () => load('./kafka/sync.js') },
  { id: 'kafka-node', main: false, load: () => load('./kafka/node-async.js') },
  { id: 'kafka-node-sync', main: false, load: () => load('./kafka/node-sync.js') },
  { id: 'nats', main: false, load: () => load('./nats/index.js') },
  { id: 'redis-streams', main: false, load: () => load('./redis-streams/index.js') },
];

async function load(path) {
  return (await import(path)).peer;
}
