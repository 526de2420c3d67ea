// The process that gets killed: a broker on a real store and a real socket.
//   node broker-process.js <settings as JSON>
import { BrokerHost } from '../../../dist/broker.js';
import { silentLogger, systemPlatform } from '../../../dist/platform/index.js';

const host = await BrokerHost.start(JSON.parse(process.argv[2]), systemPlatform({ logger: silentLogger }));
// Whoever started it is gone: nobody would end it.
process.on('disconnect', () => process.exit());
process.send({ ready: host.address });
