import { describe, expect, it } from '@jest/globals';
import { BrokerCensus } from '../../lib/client/connection/broker-census.js';

const brokers = (...all: [name: string, ...addresses: string[]][]) =>
  new Map(all.map(([name, ...addresses]) => [name, new Map(addresses.map((address, id) => [id, address]))]));

describe('the brokers that routes name', () => {
  it('are there as long as one route names them, each once', () => {
    const census = new BrokerCensus();
    census.replace(undefined, brokers(['a', 'a:1', 'a:2']));
    census.replace(undefined, brokers(['a', 'a:1'], ['b', 'b:1']));
    expect(census.addresses).toEqual(['a:1', 'a:2', 'b:1']);
    expect(census.masterAddresses).toEqual(['a:1', 'b:1']);
    census.replace(brokers(['a', 'a:1', 'a:2']), undefined);
    expect(census.addresses).toEqual(['a:1', 'b:1']);
    census.replace(brokers(['a', 'a:1'], ['b', 'b:1']), undefined);
    expect(census.addresses).toEqual([]);
    expect(census.masterAddresses).toEqual([]);
  });

  it('keep their place when a route changes and still names them', () => {
    const census = new BrokerCensus();
    census.replace(undefined, brokers(['a', 'a:1'], ['b', 'b:1']));
    census.replace(brokers(['a', 'a:1'], ['b', 'b:1']), brokers(['b', 'b:9'], ['a', 'a:1']));
    expect(census.addresses).toEqual(['a:1', 'b:9']);
  });

  it('may be without a master', () => {
    const census = new BrokerCensus();
    census.replace(undefined, new Map([['a', new Map([[1, 'a:2']])]]));
    expect(census.addresses).toEqual(['a:2']);
    expect(census.masterAddresses).toEqual([]);
  });
});
