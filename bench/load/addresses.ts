/** Addresses of flows by formula, the same in generator, relay and sink. */
import type { TransportAddress } from '../../src/address.js';

/** Flows of one address; equal to the generator's default. */
const PORTS_PER_ADDRESS = 20_000;
/** Port of the first flow on each address. */
const FIRST_PORT = 10_000;
/**
 * Returns a client's address and port.
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
 * Returns the addresses that a number of flows needs.
 * @param network - the scene's network at that end
 */
export function clientIps(network: string, flows: number): string[] {
  const count = Math.ceil(flows / PORTS_PER_ADDRESS);
  return Array.from({ length: count }, (_, index) => `${network}.${1 + index}`);
}

/** The server's port for clients. */
export const SERVER_PORT = 3478;
/** The relays' port for other relays. */
export const TRUNK_PORT = 3480;
