import type { TransportAddress } from '../../src/address.js';

/** Number of source ports, one socket each. */
export const SOURCE_PORTS = 16;

/**
 * Returns the loopback address of a source. Each address and source port is another 5-tuple, so
 * SOURCE_PORTS sockets serve any number of peers. 127.0.0.0/16 is left to the relays.
 */
export function sourceIp(number: number): string {
  const high = 1 + (number >> 16);
  return `127.${high}.${(number >> 8) & 0xff}.${number & 0xff}`;
}

/** Returns the number of source addresses that a number of legs needs. */
export function sourcesOf(legs: number): number {
  return Math.ceil(legs / SOURCE_PORTS);
}

/** Returns the source address and socket of a leg, by number. */
export function sourceOf(leg: number): { readonly source: number; readonly socket: number } {
  return { source: Math.floor(leg / SOURCE_PORTS), socket: leg % SOURCE_PORTS };
}

/** Returns the address of a leg that its relay receives from. */
export function legAddress(leg: number, ports: readonly number[]): TransportAddress {
  const { source, socket } = sourceOf(leg);
  return { address: sourceIp(source), port: ports[socket] ?? 0 };
}

/** Returns a loopback address that no process uses: 127.64.0.0 and above. */
export function inventedIp(number: number): string {
  return `127.${64 + ((number >> 16) & 15)}.${(number >> 8) & 255}.${number & 255}`;
}
