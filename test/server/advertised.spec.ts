import { describe, expect, it } from '@jest/globals';
import { advertisedAddress, storeHostOf } from '../../lib/server/advertised.js';

type Interfaces = NonNullable<Parameters<typeof advertisedAddress>[1]>;

const entry = (address: string, internal = false, family = 'IPv4') => ({ address, internal, family });
const interfaces = {
  lo: [entry('127.0.0.1', true), entry('::1', true, 'IPv6')],
  eth0: [entry('fe80::1', false, 'IPv6'), entry('10.1.2.3')],
  eth1: [entry('10.9.9.9')],
} as unknown as Interfaces;

describe('the address that clients are told', () => {
  it('is what is listened on', () => {
    expect(advertisedAddress('127.0.0.1:9876', interfaces)).toBe('127.0.0.1:9876');
    expect(advertisedAddress('[::1]:9876', interfaces)).toBe('[::1]:9876');
  });

  it("is the host's first one that others reach when every address is listened on", () => {
    expect(advertisedAddress('0.0.0.0:9876', interfaces)).toBe('10.1.2.3:9876');
    expect(advertisedAddress('[::]:9876', interfaces)).toBe('10.1.2.3:9876');
  });

  it('has to be set on a host that nobody reaches', () => {
    expect(() => advertisedAddress('0.0.0.0:9876', { lo: interfaces.lo })).toThrow(/advertisedAddress/);
  });

  it('stands in records as a number', () => {
    expect(storeHostOf('192.0.2.1:80', '127.0.0.1:9876')).toBe('192.0.2.1:80');
    expect(storeHostOf('broker.example:80', '127.0.0.1:9876')).toBe('127.0.0.1:9876');
  });
});
