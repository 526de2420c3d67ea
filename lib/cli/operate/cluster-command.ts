import type { Command } from 'commander';
import { NotFoundError } from '../failure.js';
import { table } from '../output/table.js';
import { addOperation, type Operation } from './operation.js';

const cluster: Operation = {
  usage: 'cluster',
  description: 'the brokers that are registered, and whether they answer; fails when one does not',
  flags: [{ name: 'broker', value: 'name', help: 'only the broker of this name, which has to be there' }],
  examples: ['cluster', 'cluster --broker broker-a   # for health checks'],
  async run({ admin }, flags) {
    const wanted = flags.get('broker');
    const found = (await admin.cluster.brokers()).filter(({ brokerName }) => (wanted ?? brokerName) === brokerName);
    if (wanted !== undefined && found.length === 0)
      throw new NotFoundError(`No broker ${String(wanted)} is registered; \`nestmq cluster\` shows those that are.`);
    const brokers = found.map(({ cluster, brokerName, brokerId, address, up, version, startedAt, error }) => ({
      cluster,
      broker: brokerName,
      id: brokerId,
      address,
      up,
      version: version ?? null,
      startedAt: startedAt ?? null,
      error: error === undefined ? null : { code: error.code, message: error.message },
    }));
    const rows = found.map(({ cluster, brokerName, brokerId, address, up, version, startedAt }) => [
      cluster,
      brokerName,
      brokerId,
      address,
      up ? 'up' : 'down',
      version,
      startedAt,
    ]);
    const troubles = brokers.flatMap(({ error }) => (error === null ? [] : [error.message]));
    const text = table(['cluster', 'broker', 'id', 'address', 'state', 'version', 'started'], rows);
    return {
      document: { brokers },
      text: brokers.length === 0 ? 'No broker is registered.' : [text, ...troubles].join('\n'),
      failed: troubles.length > 0,
    };
  },
};

export function addClusterCommand(program: Command): void {
  addOperation(program, cluster);
}
