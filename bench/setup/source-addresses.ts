import type { TransportAddress } from '../../src/address.js';

/** Ports that many sources send from: one socket each. */
export const SOURCE_PORTS = 16;

/**
 * The loopback address of a source's number: every source port of each is another 5-tuple, so a
 * hundred thousand peers need no hundred thousand sockets. 127.0.0.0/16 is left to the relays.
 */
export function sourceIp(number: number): string {
  const high = 1 + (number >> 16);
  return `127.${high}.${(number >> 8) & 0xff}.${number & 0xff}`;
}

/** Source addresses that so many legs need. */
export function sourcesOf(legs: number): number {
  return Math.ceil(legs / SOURCE_PORTS);
}

/** Where a leg's number places it. */
export function sourceOf(leg: number): { readonly source: number; readonly socket: number } {
  return { source: Math.floor(leg / SOURCE_PORTS), socket: leg % SOURCE_PORTS };
}

/** A leg's address as its relay sees it. */
export function legAddress(leg: number, ports: readonly number[]): TransportAddress {
  const { source, socket } = sourceOf(leg);
  return { address: sourceIp(source), port: ports[socket] ?? 0 };
}

/** An address that nobody else here uses: 127.64.0.0 and up. */
export function inventedIp(number: number): string {
  return `127.${64 + ((number >> 16) & 15)}.${(number >> 8) & 255}.${number & 255}`;
}
