// One member of a cluster, until it is killed or told to stop.
//   node process.js <folder of the compiled lib, as URL> <namesrv|broker> <settings as JSON>
const [lib, kind, settings] = process.argv.slice(2);
const { systemPlatform } = await import(`${lib}platform/index.js`);
const { BrokerHost, NameServerHost } = await import(`${lib}server/index.js`);

// Neither keeps its process alive by itself.
const keepAlive = setInterval(() => undefined, 60_000);
const nothing = () => undefined;
const logger = {
  error: (...words) => console.error(...words),
  warn: nothing,
  log: nothing,
  debug: nothing,
  verbose: nothing,
};
const Host = kind === 'namesrv' ? NameServerHost : BrokerHost;
const host = await Host.start(JSON.parse(settings), systemPlatform({ logger }));
process.on('message', async () => {
  await host.stop();
  clearInterval(keepAlive);
  process.disconnect();
});
// Whoever started it is gone: nobody would end it.
process.on('disconnect', () => process.exit());
process.send({ ready: host.address });
