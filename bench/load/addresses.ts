/** Addresses by formula, so that generator, relay and sink agree on a hundred thousand of them. */
import type { TransportAddress } from '../../src/address.js';

/** Ports of one address before the next address comes; twin of the generator's default. */
const PORTS_PER_ADDRESS = 20_000;
/** Port of the first flow on each address. */
const FIRST_PORT = 10_000;
/**
 * A client's address and port.
 * @param network - the scene's network at that end
 * @param flow - 0 or more
 */
export function clientAddress(network: string, flow: number): TransportAddress {
  return {
    address: `${network}.${1 + Math.floor(flow / PORTS_PER_ADDRESS)}`,
    port: FIRST_PORT + (flow % PORTS_PER_ADDRESS),
  };
}

/**
 * The addresses that so many flows need.
 * @param network - the scene's network at that end
 */
export function clientIps(network: string, flows: number): string[] {
  const count = Math.ceil(flows / PORTS_PER_ADDRESS);
  return Array.from({ length: count }, (_, index) => `${network}.${1 + index}`);
}

/** Where the server takes packets from clients. */
export const SERVER_PORT = 3478;
/** Where relays take packets from relays. */
export const TRUNK_PORT = 3480;
