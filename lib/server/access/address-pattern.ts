import { BlockList, isIP } from 'node:net';
import { MessagingError } from '../../protocol/index.js';

/*
 * 10.0.0.7             one address, of IPv6 as well
 * 10.0.0.*             any number in a place
 * 10.0.0.1-9           a range in a place
 * 10.0.0.{1,4,9}       some numbers in a place
 * 10.0.0.0/8           a network, of IPv6 as well
 * a,b                  one of several patterns
 */

/** Whether an address (without a port) is one that a pattern means. */
export type AddressPattern = (address: string) => boolean;

/** @throws MessagingError CONFIGURATION naming `where`. */
export function compileAddresses(patterns: readonly string[], where: string): AddressPattern {
  const single = patterns.flatMap(splitOutsideBraces).map((pattern) => compile(pattern.trim(), where));
  return (address) => single.some((matches) => matches(address));
}

/** At the commas that are not inside braces. */
function splitOutsideBraces(text: string): string[] {
  return text.split(/,(?![^{]*\})/);
}

function compile(pattern: string, where: string): AddressPattern {
  const [network, prefix, ...rest] = pattern.split('/');
  const family = isIP(network ?? '');
  if (family !== 0 && rest.length === 0) return listed(network!, family, prefix, pattern, where);
  const places = pattern.split('.');
  if (places.length !== 4) throw wrong(pattern, where);
  const tests = places.map((place) => compilePlace(place, pattern, where));
  if (places.every((place) => place === '*')) throw everybody(where);
  return (address) => {
    if (isIP(address) !== 4) return false;
    return address.split('.').every((number, index) => tests[index]!(Number(number)));
  };
}

function listed(
  network: string,
  family: number,
  prefix: string | undefined,
  all: string,
  where: string,
): AddressPattern {
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  if (prefix === undefined) list.addAddress(network, kind);
  else {
    const bits = Number(prefix);
    if (!/^\d{1,3}$/.test(prefix) || bits > (family === 4 ? 32 : 128)) throw wrong(all, where);
    if (bits === 0) throw everybody(where);
    list.addSubnet(network, bits, kind);
  }
  return (address) => isIP(address) === family && list.check(address, kind);
}

function compilePlace(place: string, pattern: string, where: string): (number: number) => boolean {
  if (place === '*') return () => true;
  const range = /^(\d{1,3})-(\d{1,3})$/.exec(place);
  if (range !== null) {
    const [from, to] = [Number(range[1]), Number(range[2])];
    if (from <= to && to <= 255) return (number) => number >= from && number <= to;
  }
  const numbers = /^\{(\d{1,3}(?:,\d{1,3})*)\}$|^(\d{1,3})$/.exec(place);
  const list = (numbers?.[1] ?? numbers?.[2] ?? '').split(',').map(Number);
  if (numbers === null || list.some((number) => number > 255)) throw wrong(pattern, where);
  return (number) => list.includes(number);
}

function wrong(pattern: string, where: string): MessagingError {
  return new MessagingError(
    'CONFIGURATION',
    `${where}: ${JSON.stringify(pattern)} is no address. Write 10.0.0.7, 10.0.0.*, 10.0.0.1-9, 10.0.0.{1,4} or 10.0.0.0/8.`,
  );
}

function everybody(where: string): MessagingError {
  return new MessagingError(
    'CONFIGURATION',
    `${where} would let everybody in. Name networks, or leave the access control out and say insecure.`,
  );
}
